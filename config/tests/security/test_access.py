"""Every address is asked by everybody: the addresses are read from the product, so that no new one is forgotten."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client

from config.tests.security.access import ACCESS, SIGN_IN
from config.tests.security.rows import Rows, rows_everywhere
from config.tests.security.world import PEOPLE, World, routes, world_make
from styleguide_example.jobs.tests.factories import kind_known

pytestmark = [pytest.mark.once, pytest.mark.django_db]

ROUTES = routes()
SIGN_IN_PAGES = ("/sign-in/", "/admin/login/")
#: Looking at a job says that its end was seen.
MARKS_SEEN = {"jobs/<uuid:job_id>/", "admin/announcements/announcement/<int:key>/progress/"}
#: What allows it is the signature in the address (RFC 8058 3.2); and what takes no form at all.
WITHOUT_CSRF = {"unsubscribe/<str:token>/", "health/live", "health/ready"}
#: What everybody may write for themselves: the rows of Ada stay as they are.
OF_ONES_OWN = {
    "notifications/settings/": ("notifications.NotificationSettings", "user_id"),
    "api/jobs/<slug:kind>/": ("jobs.Job", "owner_id"),
}


@pytest.fixture
def world() -> Iterator[World]:
    with kind_known():
        yield world_make()


def _answer(response: HttpResponseBase) -> str:
    location = response.headers.get("Location", "")
    return SIGN_IN if location.startswith(SIGN_IN_PAGES) else str(response.status_code)


class TestTable:
    def test_has_a_line_for_every_address_and_no_other(self) -> None:
        assert sorted(ROUTES) == sorted(ACCESS)


class TestAddress:
    @pytest.mark.parametrize("route", ROUTES)
    def test_answers_each_by_what_they_are_and_changes_nothing(self, world: World, route: str) -> None:
        line, address = ACCESS[route], world.address(route)
        clients = {person: world.client(person) for person in PEOPLE}
        before = rows_everywhere()

        read = tuple(_answer(client.get(address)) for client in clients.values())
        after = rows_everywhere()
        sent = tuple(_answer(clients[person].post(address, **_body(route))) for person in PEOPLE[:3])

        assert read == line.get
        assert sent == line.post
        assert after == (_seen(before, after) if route in MARKS_SEEN else before)
        assert _of_others(rows_everywhere(), route, world) == _of_others(after, route, world)

    @pytest.mark.parametrize("route", sorted(set(ROUTES) - WITHOUT_CSRF))
    def test_takes_no_form_of_another_site_even_from_whom_it_is_meant_for(self, world: World, route: str) -> None:
        client, address = world.client("owner", checks_csrf=True), world.address(route)
        before = rows_everywhere()

        answers = {client.post(address, **_body(route)).status_code, client.post(address, {"post": "yes"}).status_code}

        # The API does not read forms at all.
        assert answers <= ({403, 415} if route.startswith("api/") else {403})
        assert rows_everywhere() == before
        assert "_auth_user_id" in client.session

    @pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
    @pytest.mark.parametrize("person", PEOPLE)
    def test_changes_nothing_by_any_other_method(self, world: World, person: str, method: str) -> None:
        client: Client = world.client(person)
        before = rows_everywhere()

        statuses = {
            getattr(client, method)(world.address(route)).status_code for route in ROUTES if route not in MARKS_SEEN
        }

        assert max(statuses) < 500
        assert rows_everywhere() == before


def _body(route: str) -> dict[str, Any]:
    return {"content_type": "application/json"} if route.startswith("api/") else {}


def _seen(before: Rows, after: Rows) -> Rows:
    """As before, but for what was marked as read."""
    name = "notifications.Notification"
    marked = [
        {**row, "read_at": now["read_at"], "updated_at": now["updated_at"], "is_collecting": now["is_collecting"]}
        for row, now in zip(before[name], after[name], strict=True)
    ]
    return {**before, name: marked}


def _of_others(rows: Rows, route: str, world: World) -> Rows:
    """All rows, but of what people may write for themselves here Ada's alone."""
    if route not in OF_ONES_OWN:
        return rows
    name, column = OF_ONES_OWN[route]
    return {**rows, name: [row for row in rows[name] if row[column] == world.ada.pk]}
