from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from rest_framework import serializers

from styleguide_example.api.schema import serializer_schema
from styleguide_example.api.tests.clients import session_client, token_client
from styleguide_example.users.tests.factories import user_onboarded

SCHEMA, DOCS = "/api/schema/", "/api/docs/"


def _schema() -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
    schema: dict[str, Any] = yaml.safe_load(out.getvalue())
    return schema


class TestSchema:
    def test_is_valid_and_leaves_nothing_to_guess(self) -> None:
        operations = [operation for path in _schema()["paths"].values() for operation in path.values()]

        assert len(operations) >= 6

    def test_describes_the_errors_of_each_operation(self) -> None:
        for path, methods in _schema()["paths"].items():
            for method, operation in methods.items():
                errors = {status: body for status, body in operation["responses"].items() if status >= "400"}
                assert {"401", "403", "404", "406", "429", "500", "503"} <= set(errors), (path, method)
                assert all(list(body["content"]) == ["application/problem+json"] for body in errors.values())

    def test_says_how_to_come_in(self) -> None:
        schema = _schema()

        assert set(schema["components"]["securitySchemes"]) == {"token", "session"}
        for methods in schema["paths"].values():
            for operation in methods.values():
                assert operation["security"] == [{"token": []}, {"session": []}]

    @pytest.mark.django_db
    def test_is_served_as_json(self) -> None:
        response = token_client().get(SCHEMA)

        assert response.status_code == 200
        assert response.json()["openapi"] == "3.1.0"


@pytest.mark.django_db
class TestDocsView:
    def test_leads_a_stranger_to_the_sign_in(self) -> None:
        assert Client().get(DOCS).headers["Location"] == f"/sign-in/?next={DOCS}"

    def test_holds_no_script_and_no_style_within_the_page(self) -> None:
        page = session_client().get(DOCS).content.decode()

        assert "<style" not in page
        assert " style=" not in page
        assert page.count("<script") == page.count("<script src=") == 3

    def test_refuses_somebody_whose_address_is_not_confirmed(self) -> None:
        client = session_client(user_onboarded(email_confirmed_at=None, onboarding_completed_at=None))

        assert client.get(DOCS).status_code in {401, 403}

    def test_answers_another_method_as_the_rest_does(self) -> None:
        response = session_client().put(DOCS, content_type="application/json")

        assert response.status_code == 405
        assert response.headers["Content-Type"] == "application/problem+json"


class TestSerializerSchema:
    def test_of_none_takes_nothing(self) -> None:
        assert serializer_schema(None) == {"type": "object", "properties": {}, "additionalProperties": False}

    def test_stands_for_itself(self) -> None:
        class Inner(serializers.Serializer[Any]):
            number = serializers.IntegerField(min_value=1)

        class Outer(serializers.Serializer[Any]):
            inner = Inner(many=True, allow_null=True)
            shown = serializers.CharField(read_only=True)

        schema = serializer_schema(Outer)

        assert list(schema["properties"]) == ["inner"]
        assert schema["properties"]["inner"]["items"] == {"$ref": "#/$defs/InnerRequest"}
        assert schema["$defs"]["InnerRequest"]["properties"]["number"]["minimum"] == 1
