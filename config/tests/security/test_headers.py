"""What every answer tells the browser: whatever the page, whoever asks, and whether it went well or not."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
from pytest_django import Settings

from config.env import BASE_DIR
from config.tests.security.world import World, routes, world_make
from config.tests.test_production import COMPLETE
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.users.tests.factories import PASSWORD, user_confirmed

pytestmark = [pytest.mark.once, pytest.mark.django_db]

#: E-mails in a frame, whose style is in their tags. ``sandbox`` gives them an origin of their own.
LETTERS = {
    "admin/announcements/announcement/<int:key>/letter/",
    "admin/emails/email/<int:key>/letter/",
    "admin/emails/email/template-frames/<path:template>/",
}
SCRIPTS_AND_HANDLERS = "//script[not(@src)] | //style | //*[@style] | //@*[starts-with(name(), 'on')] | //base"
#: Data in a page, which nothing runs: what a script type that no browser knows holds (Django's ``json_script``).
DATA = "application/json"


@pytest.fixture
def world() -> Iterator[World]:
    with kind_known():
        yield world_make()


def _answers(world: World) -> Iterator[tuple[str, Any]]:
    """Each address, and what it answers to each, to whom it is meant for last: that one changes something."""
    for person in ("nobody", "owner"):
        client = world.client(person)
        for method in ("get", "post"):
            for route in routes():
                yield route, getattr(client, method)(world.address(route))
                if person == "owner" and "_auth_user_id" not in client.session:
                    client.force_login(world.ada)


def _policy(response: HttpResponseBase) -> dict[str, list[str]]:
    directives = (part.split() for part in response.headers["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in directives}


class TestAnswer:
    def test_protects_the_page(self, world: World) -> None:
        for route, response in _answers(world):
            headers = response.headers
            assert headers["X-Content-Type-Options"] == "nosniff", route
            assert headers["Referrer-Policy"] in {"same-origin", "no-referrer"}, route
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin", route
            assert headers["X-Frame-Options"] == ("SAMEORIGIN" if _is_letter(response, route) else "DENY"), route
            assert _is_strict(_policy(response), is_letter=_is_letter(response, route)), route
            assert {"Server", "X-Powered-By"}.isdisjoint(headers), route

    def test_runs_nothing_that_stands_in_the_page(self, world: World) -> None:
        for route, response in _answers(world):
            is_page = response.headers.get("Content-Type", "").startswith("text/html") and response.content
            if is_page and not _is_letter(response, route):
                found = html.document_fromstring(response.content.decode()).xpath(SCRIPTS_AND_HANDLERS)
                assert [one for one in found if getattr(one, "get", lambda _: "")("type") != DATA] == [], route

    def test_with_something_of_a_persons_own_is_kept_by_no_cache(self, world: World) -> None:
        for route, response in _answers(world):
            if response.status_code == 200 and world.ada.email in response.content.decode():
                assert "no-store" in response.headers["Cache-Control"], route

    @pytest.mark.parametrize(
        ("path", "status"), [("/nothing-here/", 404), ("/api/nothing-here", 401), ("/confirm/a/b/", 410)]
    )
    def test_protects_pages_of_errors_too(self, client: Client, path: str, status: int) -> None:
        response = client.get(path)

        assert response.status_code == status
        assert _is_strict(_policy(response))
        assert response.headers["X-Content-Type-Options"] == "nosniff"

    def test_of_a_bug_and_of_a_strange_host_is_protected_too(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = Client(raise_request_exception=False)
        assert _is_strict(_policy(client.get("/", headers={"Host": "evil.example"})))
        monkeypatch.setattr("styleguide_example.users.views.LandingView.template_name", "nothing.html")
        broken = client.get("/")
        assert broken.status_code == 500
        assert _is_strict(_policy(broken))

    def test_lets_django_explain_an_error_in_debug(self, client: Client, settings: Settings) -> None:
        settings.DEBUG = True

        assert "Content-Security-Policy" not in client.get("/nothing-here/").headers
        assert "Content-Security-Policy" in client.get("/").headers


def _is_letter(response: HttpResponseBase, route: str) -> bool:
    return route in LETTERS and response.status_code == 200


def _is_strict(policy: dict[str, list[str]], *, is_letter: bool = False) -> bool:
    if is_letter:
        return policy["sandbox"] == [] and policy["default-src"] == ["'none'"] and "script-src" not in policy
    loose = re.compile(r"'unsafe-|^\*$|^https?:|^blob:")
    assert not [source for sources in policy.values() for source in sources if loose.search(source)]
    return (
        policy["default-src"] == ["'none'"]
        and policy["script-src"] == ["'self'"]
        and policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
        and policy["form-action"] == ["'self'"]
    )


class TestCookies:
    def test_are_out_of_the_reach_of_scripts_and_of_other_sites(self, client: Client) -> None:
        user_confirmed(email="ada@example.com")
        client.get("/sign-in/")
        client.post("/sign-in/", {"username": "ada@example.com", "password": PASSWORD})

        assert set(client.cookies) == {"sessionid", "csrftoken"}
        assert client.cookies["sessionid"]["httponly"]
        assert all(cookie["samesite"] == "Lax" for cookie in client.cookies.values())
        assert all(not cookie["domain"] for cookie in client.cookies.values())

    def test_of_a_session_end_with_it(self, client: Client) -> None:
        client.force_login(user_confirmed(email="ada@example.com"))
        key = client.session.session_key

        client.post("/sign-out/")

        again = Client()
        again.cookies["sessionid"] = str(key)
        assert again.get("/home/").status_code == 302


#: Asks a product with production settings, without a database: none of these pages needs one.
PRODUCTION = """
import json
import django
from django.conf import settings
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
django.setup()
from django.test import Client
asked = {
    "page": Client().get("/sign-in/", secure=True, headers={"Host": "app.example.com"}),
    "missing": Client().get("/nothing/", secure=True, headers={"Host": "app.example.com"}),
    "plain": Client().get("/sign-in/", headers={"Host": "app.example.com"}),
    "host": Client().get("/sign-in/", secure=True, headers={"Host": "evil.example"}),
    "probe": Client().get("/health/live", headers={"Host": "10.0.0.7:8000"}),
}
print(json.dumps({
    name: {
        "status": answer.status_code,
        "headers": dict(answer.headers),
        "cookies": {name: dict(morsel) for name, morsel in answer.cookies.items()},
        "text": answer.content.decode(),
    }
    for name, answer in asked.items()
} | {"session": [settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY, settings.SESSION_COOKIE_SAMESITE]}))
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What it answered."""
    return _asked(tmp_path_factory.mktemp("var"))


@pytest.mark.processes
class TestProduction:
    def test_is_reached_over_tls_alone(self, asked: Any) -> None:
        assert asked["plain"]["status"] == 301
        assert asked["plain"]["headers"]["Location"] == "https://app.example.com/sign-in/"
        for name in ("page", "missing"):
            seconds = re.search(r"max-age=(\d+)", asked[name]["headers"]["Strict-Transport-Security"])
            assert seconds is not None
            assert int(seconds[1]) >= 31_536_000

    def test_answers_probes_of_the_machine_itself(self, asked: Any) -> None:
        assert asked["probe"]["status"] == 200
        assert "nosniff" in asked["probe"]["headers"]["X-Content-Type-Options"]

    def test_sends_cookies_over_tls_alone(self, asked: Any) -> None:
        assert asked["page"]["cookies"]["csrftoken"]["secure"]
        assert asked["session"] == [True, True, "Lax"]

    def test_tells_nothing_about_itself_where_something_is_wrong(self, asked: Any) -> None:
        assert (asked["missing"]["status"], asked["host"]["status"]) == (404, 400)
        for name in ("missing", "host"):
            assert _is_strict(
                {
                    part.split()[0]: part.split()[1:]
                    for part in asked[name]["headers"]["Content-Security-Policy"].split(";")
                }
            )
            for word in ("Traceback", "settings", "urlpatterns", "config.", "ALLOWED_HOSTS"):
                assert word not in asked[name]["text"]


def _asked(directory: Path) -> Any:
    environment = {**COMPLETE, "DJANGO_SETTINGS_MODULE": "config.django.production", "VAR_DIR": str(directory)}
    done = subprocess.run(  # noqa: S603  this test's own interpreter
        [sys.executable, "-c", PRODUCTION], cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
