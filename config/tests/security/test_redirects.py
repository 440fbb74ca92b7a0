"""No address of ours leads to another site, whatever it is asked to."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from config.tests.security.world import World, routes, world_make
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD, user_confirmed
from styleguide_example.users.tests.letters import letters_to

pytestmark = [pytest.mark.once, pytest.mark.django_db]

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "https:evil.example",
    "http:///evil.example/",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
    "https://evil.example\\@testserver/",
    "/\t/evil.example/",
    "\x08//evil.example/",
    "javascript:alert(1)//",
    "data:text/html,x",
    "//evil.example%2f@testserver/",
]
#: Every name under which a page might look for a destination.
NAMES = (
    "next",
    "url",
    "to",
    "redirect",
    "redirect_to",
    "return",
    "return_to",
    "continue",
    "page",
    "_popup",
    "_to_field",
)
READING_NEXT = [
    "/sign-in/",
    "/sign-out/",
    "/admin/login/",
    "/admin/logout/",
    "/onboarding/",
    "/confirm/x/y/",
    "/api/docs/",
]
OURS = {"", "testserver"}


@pytest.fixture
def world() -> Iterator[World]:
    with kind_known():
        yield world_make()


def _stays(response: HttpResponseBase) -> bool:
    """Whether a browser that does what it is told stays on this site; it takes a backslash for a slash."""
    location = response.headers.get("Location", "")
    parts = urlsplit(location.replace("\\", "/"))
    return parts.netloc in OURS and parts.scheme in {"", "http", "https"} and not location.startswith("//")


class TestAddress:
    @pytest.mark.parametrize("person", ["nobody", "owner"])
    @pytest.mark.parametrize("destination", ELSEWHERE[:2])
    def test_leads_nowhere_else(self, world: World, person: str, destination: str) -> None:
        client, asked = world.client(person), dict.fromkeys(NAMES, destination)
        for method in ("get", "post"):
            for route in routes():
                assert _stays(getattr(client, method)(world.address(route), asked)), route

    @pytest.mark.parametrize("path", READING_NEXT)
    def test_that_reads_a_destination_takes_no_other_site(self, settings: Settings, path: str) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 1000
        user = user_confirmed(email="ada@example.com")
        credentials = {"username": user.email, "password": PASSWORD}
        for destination in ELSEWHERE:
            for client in (Client(), _signed_in(user)):
                for response in (
                    client.get(path, {"next": destination}, follow=True),
                    client.post(path, {"next": destination, **credentials}, follow=True),
                ):
                    assert all(_stays(_Step(location)) for location, _ in response.redirect_chain), destination

    @pytest.mark.parametrize("destination", ELSEWHERE)
    def test_of_the_list_stays_there_whatever_page_a_form_names(self, world: World, destination: str) -> None:
        client = world.client("owner")
        assert client.post("/notifications/read/", {"page": destination}).headers["Location"] == "/notifications/"


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


class _Step(HttpResponseBase):
    """One step of a chain of redirects."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self.headers["Location"] = location


class TestHost:
    @pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Host": "testserver:80@evil.example"}])
    def test_that_is_not_ours_is_refused(self, headers: dict[str, str]) -> None:
        response = Client().post("/sign-up/", {"email": "ada@example.com"}, headers=headers)

        assert response.status_code == 400
        assert letters_to("ada@example.com") == []

    @pytest.mark.parametrize(
        "headers", [{"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}, {"Origin": "null"}]
    )
    def test_never_gets_into_a_link(self, headers: dict[str, str]) -> None:
        Client().post("/sign-up/", {"email": "ada@example.com"}, headers=headers)

        (email,) = letters_to("ada@example.com")
        assert "http://localhost:8000/confirm/" in email.plain_text
        assert "evil" not in email.plain_text + email.html
