import pytest
from django.test import Client

from styleguide_example.api.tests.clients import session_client, token_client

pytestmark = pytest.mark.django_db

INDEX = "/api/"


class TestIndexApi:
    def test_leads_to_what_there_is(self) -> None:
        client = session_client()
        links = client.get(INDEX).json()
        assert links == {
            "jobs": "/api/jobs/",
            "kinds": "/api/jobs/kinds/",
            "schema": "/api/schema/",
            "docs": "/api/docs/",
        }
        assert [client.get(address).status_code for address in links.values()] == [200] * 4

    def test_is_for_clients_with_a_token_too(self) -> None:
        assert token_client().get(INDEX).status_code == 200

    def test_tells_a_stranger_how_to_come_in(self) -> None:
        response = Client().get(INDEX)
        assert response.status_code == 401
        assert response.json()["detail"] == "Send Authorization: Bearer <token>, or sign in."

    def test_is_in_the_schema(self) -> None:
        operation = token_client().get("/api/schema/").json()["paths"][INDEX]["get"]
        body = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert body == {"type": "object", "additionalProperties": {"type": "string"}}
