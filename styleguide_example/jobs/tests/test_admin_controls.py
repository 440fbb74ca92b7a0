"""Pause, resume and purge in the admin, and the audit."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.jobs import control_pages
from styleguide_example.jobs.enums import ControlAction, JobState, Scope
from styleguide_example.jobs.models import ControlEntry, Job, Pause
from styleguide_example.jobs.tests.admins import (
    AUDIT,
    CONTROLS,
    LIST,
    PAUSE,
    PURGE,
    RESUME,
    somebody_else,
    staff_make,
    text_of,
)
from styleguide_example.jobs.tests.factories import JobFactory, job_running_make, kind_known
from styleguide_example.users.models import User

pytestmark = pytest.mark.django_db

KIND = {"scope": "kind", "name": "count"}
ATTACK = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with kind_known("count"):
        yield


@pytest.fixture
def operator(client: Client) -> Client:
    """Signed in as somebody who may pause, resume and purge."""
    client.force_login(staff_make("control_jobs"))
    return client


@pytest.fixture
def reader(client: Client) -> Client:
    """Signed in as somebody who may see what is paused."""
    client.force_login(staff_make("view_pause", "view_job"))
    return client


def _post(client: Client, url: str, **data: str) -> str:
    return text_of(client.post(url, {**KIND, **data}, follow=True))


class TestControlsPage:
    @pytest.mark.parametrize("somebody", [None, "not staff", "staff without permission"])
    def test_is_shown_to_nobody_else(self, client: Client, somebody: str | None) -> None:
        status = somebody_else(client, somebody)
        for url in (CONTROLS, AUDIT):
            assert client.get(url).status_code == status

    def test_shows_what_waits_and_runs_of_each(self, operator: Client) -> None:
        JobFactory.create(), JobFactory.create(), job_running_make(kind="gone")
        page = text_of(operator.get(CONTROLS))
        cells = '<td class="number" data-label="Waiting">2</td> <td class="number" data-label="Running">0</td>'
        assert f"<strong>Do count</strong> <code>count</code></th> {cells}" in page
        assert "<strong>gone</strong>" in page
        assert '<span class="quiet">default</span>' in page

    def test_shows_since_when_by_whom_and_why_something_is_paused(self, operator: Client) -> None:
        user = User.objects.get(email="staff@example.com")
        Pause.objects.create(
            scope=Scope.KIND, name="count", reason="It floods", paused_by=user, paused_at=timezone.now()
        )
        page = text_of(operator.get(CONTROLS))
        assert "Paused</span> since" in page
        assert "by staff@example.com<br>It floods" in page
        assert 'aria-label="Resume kind count"' in page

    def test_takes_as_many_queries_for_more_kinds(
        self, operator: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        JobFactory.create()
        with CaptureQueriesContext(connection) as first:
            operator.get(CONTROLS)
        for number in range(10):
            JobFactory.create(kind=f"kind-{number}")
            job_running_make(queue=f"queue-{number}")
        with django_assert_num_queries(len(first)):
            operator.get(CONTROLS)

    def test_offers_no_button_to_those_who_may_only_look(self, reader: Client) -> None:
        JobFactory.create()
        assert "Purge…" not in text_of(reader.get(CONTROLS))

    def test_is_linked_from_the_list_for_those_who_may(self, client: Client) -> None:
        client.force_login(staff_make("view_job", "control_jobs"))
        assert f'href="{CONTROLS}"' in text_of(client.get(LIST))

    def test_is_in_the_index_of_the_admin(self, operator: Client) -> None:
        assert f'href="{CONTROLS}"' in text_of(operator.get(reverse("admin:index")))

    def test_shows_what_people_wrote_as_text(self, operator: Client) -> None:
        JobFactory.create(kind=ATTACK, queue=ATTACK)
        _post(operator, PAUSE, name=ATTACK, reason=ATTACK)
        for url in (CONTROLS, AUDIT):
            assert ATTACK not in operator.get(url).content.decode()
        assert ATTACK not in operator.post(PURGE, {"scope": "kind", "name": ATTACK}).content.decode()


class TestPauseAndResume:
    def test_do_it_and_say_so(self, operator: Client) -> None:
        JobFactory.create()
        assert "Kind count is paused; waiting behind it: 1 job." in _post(operator, PAUSE, reason="It floods")
        pause = Pause.objects.get()
        assert (pause.reason, pause.paused_by) == ("It floods", User.objects.get(email="staff@example.com"))
        assert "Kind count goes on; let go on: 1 job." in _post(operator, RESUME)
        assert not Pause.objects.exists()
        assert list(ControlEntry.objects.order_by("pk").values_list("action", flat=True)) == ["pause", "resume"]

    @pytest.mark.parametrize(
        "data",
        [
            {"name": "no-such-kind"},
            {"scope": "queue", "name": "no-such-queue"},
            {"scope": "galaxy"},
            {"name": ""},
            {"name": "x" * 300},
            {"name": "\x00"},
            {"reason": "x" * 300},
        ],
    )
    @pytest.mark.parametrize("url", [PAUSE, RESUME, PURGE])
    def test_say_why_not(self, operator: Client, url: str, data: dict[str, str]) -> None:
        assert "Nothing was changed." in _post(operator, url, confirmed="1", **data)
        assert not Pause.objects.exists()
        assert not ControlEntry.objects.exists()


class TestPurge:
    def test_asks_first_and_shows_the_count(self, operator: Client) -> None:
        JobFactory.create(), JobFactory.create()
        page = _post(operator, PURGE)
        assert "<strong>2 jobs</strong> are waiting" in page
        assert "Purge 2 jobs</button>" in page
        assert Job.objects.filter(state=JobState.PENDING).count() == 2
        assert not ControlEntry.objects.exists()

    def test_offers_nothing_where_nothing_waits(self, operator: Client) -> None:
        page = _post(operator, PURGE)
        assert "Nothing to purge" in page
        assert 'name="confirmed"' not in page

    def test_ends_them_and_enters_it_in_the_audit(self, operator: Client) -> None:
        JobFactory.create(), job_running_make()
        page = _post(operator, PURGE, confirmed="1", reason="By mistake")
        assert "Kind count was purged; ended: 1 job." in page
        entry = ControlEntry.objects.get()
        assert (entry.action, entry.target, entry.count) == (ControlAction.PURGE, "kind count", 1)
        assert (entry.reason, entry.done_by) == ("By mistake", User.objects.get(email="staff@example.com"))
        assert "By mistake" in text_of(operator.get(AUDIT))

    def test_ends_so_many_at_once_and_says_what_is_left(
        self, operator: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(control_pages, "PURGE_MAX", 2)
        for _ in range(3):
            JobFactory.create()
        page = _post(operator, PURGE, confirmed="1")
        assert "ended: 2 jobs" in page
        assert "1 job still waiting. Purge again, or run: manage.py jobs purge --kind count" in page


class TestControls:
    @pytest.mark.parametrize("url", [PAUSE, RESUME, PURGE])
    def test_never_act_by_get(self, operator: Client, url: str) -> None:
        JobFactory.create()
        assert operator.get(url, {**KIND, "confirmed": "1"}).status_code == 405
        assert not Pause.objects.exists()
        assert Job.objects.get().state == JobState.PENDING

    @pytest.mark.parametrize("url", [PAUSE, RESUME, PURGE])
    def test_are_refused_to_those_who_may_only_look(self, reader: Client, url: str) -> None:
        JobFactory.create()
        assert reader.post(url, {**KIND, "confirmed": "1"}).status_code == 403
        assert not Pause.objects.exists()
        assert Job.objects.get().state == JobState.PENDING

    @pytest.mark.parametrize("somebody", [None, "not staff", "staff without permission"])
    @pytest.mark.parametrize("url", [PAUSE, RESUME, PURGE])
    def test_are_refused_to_everybody_else(self, client: Client, url: str, somebody: str | None) -> None:
        JobFactory.create()
        status = somebody_else(client, somebody)
        assert client.post(url, {**KIND, "confirmed": "1"}).status_code == status
        assert not Pause.objects.exists()
        assert Job.objects.get().state == JobState.PENDING

    @pytest.mark.parametrize("url", [PAUSE, RESUME, PURGE])
    def test_want_a_form_of_ours(self, url: str) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(staff_make("control_jobs"))
        assert strict.post(url, KIND).status_code == 403


class TestAudit:
    def test_is_read_only_for_everybody(self, admin_client: Client) -> None:
        entry = ControlEntry.objects.create(action="purge", target="kind count", done_at=timezone.now())
        page = reverse("admin:jobs_controlentry_change", args=[entry.pk])
        assert 'name="_save"' not in text_of(admin_client.get(page))
        assert admin_client.post(page, {"target": "x"}).status_code == 403
        assert admin_client.post(reverse("admin:jobs_controlentry_delete", args=[entry.pk])).status_code == 403
        assert admin_client.get(reverse("admin:jobs_controlentry_add")).status_code == 403
