"""The admin's first page, as staff see it."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.jobs.enums import Scope
from styleguide_example.jobs.services import job_pause
from styleguide_example.jobs.tests.factories import JobFactory
from styleguide_example.operations import counts, failures
from styleguide_example.operations.dashboard import PERMISSIONS
from styleguide_example.operations.tests.rows import (
    attempt_at,
    beat_leading,
    email_due,
    email_failed_at,
    email_sent_at,
    worker_seen,
)
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_staff

pytestmark = pytest.mark.django_db

INDEX, FRAGMENT = "/admin/", "/admin/dashboard/"


def _staff_who_may(*permissions: str) -> User:
    user = user_staff(time_zone="Asia/Kolkata")
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def _page(client: Client, address: str = INDEX) -> Any:
    return html.document_fromstring(client.get(address).content.decode())


def _titles(page: Any) -> list[str]:
    return [" ".join(title.text_content().split()) for title in page.xpath("//*[@id='dashboard']//h3")]


def _tiles(page: Any) -> dict[str, str]:
    tiles = page.xpath("//*[contains(@class, 'dash-tiles')]/li")
    texts = [[" ".join(part.text_content().split()) for part in tile] for tile in tiles]
    return {title: f"{figure} {verdict}" for title, figure, verdict in texts}


def _everything(user: User) -> None:
    now = timezone.now()
    email_sent_at(now - timedelta(minutes=5))
    email_failed_at(now - timedelta(days=2), last_error="Expired.")
    attempt_at(now, error="451 4.7.1 <secret@example.com>: later")
    email_due(seconds=5 * 3600)
    suppression_add(address="gone@example.com", reason=SuppressionReason.BOUNCED)
    worker_seen(active=[{"task": "emails.tasks.email_send", "id": "1"}])
    worker_seen("celery@host-2", seconds_ago=100)
    beat_leading()
    periodic_tasks_sync(entries=TIMETABLE)
    for number in range(5):
        content_type = ContentType.objects.get_for_model(User)
        LogEntry.objects.create(user=user, content_type=content_type, object_repr=f"{number}", action_flag=CHANGE)


class TestIndex:
    def test_shows_what_there_is_without_an_address(self, client: Client) -> None:
        user = _staff_who_may(*PERMISSIONS.values())
        _everything(user)
        client.force_login(user)
        page = _page(client)
        assert _tiles(page) == {
            "E-mails due": "1 ✗ the oldest 5 h: too old",
            "Failed in the last hour": "0 ✓ 0 in the last day",
            "Jobs due": "0 ✓ nothing waits",
            "Workers alive": "1 ! 1 fell silent",
            "Beats that lead": "1 ✓ host-1:42",
            "Schedules overdue": "0 ✓ all run in time",
            "Suppressed addresses": "1 \N{EN DASH} 1 since yesterday",
        }
        assert "[n] 4.7.1 [address]: later" in page.text_content()
        assert "secret@example.com" not in page.text_content()
        assert page.xpath("//*[@id='content-main']//a[@href='/admin/emails/email/']")

    def test_leads_to_pages_that_are_there(self, client: Client) -> None:
        user = user_staff(is_superuser=True)
        _everything(user)
        client.force_login(user)
        links = set(_page(client, FRAGMENT).xpath("//a/@href"))
        assert len(links) >= 6
        assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)

    @pytest.mark.parametrize("address", [INDEX, FRAGMENT])
    def test_asks_at_most_twelve_queries(
        self, client: Client, address: str, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        user = _staff_who_may(*PERMISSIONS.values())
        _everything(user)
        client.force_login(user)
        with django_assert_max_num_queries(12):
            assert client.get(address).status_code == 200

    @pytest.mark.parametrize(
        ("permission", "titles"),
        [
            ("emails.view_email", ["E-mails", "E-mails due, by priority", "Failures of the last 24 hours"]),
            ("jobs.view_job", ["Jobs due, by queue", "Failures of the last 24 hours"]),
            ("tasks.view_schedulerun", ["Failures of the last 24 hours"]),
            ("tasks.view_worker", ["Workers, and what they do"]),
            ("emails.view_suppression", []),
        ],
    )
    def test_shows_each_the_panels_whose_rows_they_may_see(
        self, client: Client, permission: str, titles: list[str]
    ) -> None:
        user = _staff_who_may(permission)
        _everything(user)
        client.force_login(user)
        assert [title.partition(", alike")[0] for title in _titles(_page(client))] == titles

    def test_is_djangos_own_for_staff_who_may_see_nothing(self, client: Client) -> None:
        client.force_login(_staff_who_may())
        page = _page(client)
        assert page.xpath("//*[@id='dashboard']") == []
        assert client.get(FRAGMENT).status_code == 403

    def test_says_what_to_do_where_there_is_nothing(self, client: Client) -> None:
        client.force_login(_staff_who_may(*PERMISSIONS.values()))
        text = " ".join(_page(client).text_content().split())
        for said in ("Nothing failed.", "No worker runs", "No e-mail waits for a worker.", "Nothing was sent."):
            assert said in text

    def test_is_on_the_clock_of_whoever_looks(self, client: Client) -> None:
        client.force_login(_staff_who_may("emails.view_email"))
        page = _page(client)
        (at,) = page.xpath("//*[@class='dash-head']//time")
        assert at.get("datetime").endswith("+05:30")
        assert "Times are in Asia/Kolkata." in page.text_content()

    def test_is_allowed_by_the_content_security_policy(self, client: Client) -> None:
        user = _staff_who_may(*PERMISSIONS.values())
        _everything(user)
        client.force_login(user)
        page = _page(client, FRAGMENT)
        assert page.xpath("//*[@style] | //style | //script | //*[starts-with(name(@*), 'on')]") == []

    def test_says_the_same_in_a_table_as_in_a_chart(self, client: Client) -> None:
        client.force_login(_staff_who_may("emails.view_email"))
        with time_machine.travel(timezone.now(), tick=False):
            email_sent_at(timezone.now())
            page = _page(client)
        for grain in ("minute", "hour", "day"):
            (row,) = page.xpath(f"//*[@id='dash-table-{grain}']//tbody/tr[1]")
            assert [cell.text_content() for cell in row][1:] == ["1", "0", "0"]
            (said,) = page.xpath(f"//*[@id='dash-{grain}-said']")
            assert said.text.startswith("1 sent, 0 failed, 0 retried.")

    def test_says_from_when_the_figures_are_where_the_clean_up_deletes_sooner(
        self, client: Client, settings: Settings
    ) -> None:
        client.force_login(_staff_who_may("emails.view_email"))
        assert "E-mails are deleted" not in _page(client).text_content()
        settings.EMAIL_KEEP_ENDED_DAYS = 7
        assert "E-mails are deleted 7 days after they ended" in _page(client).text_content()

    def test_shows_a_backlog_what_is_paused_and_shares_as_what_they_are(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(failures, "TEXTS_MAX", 1)
        email_due(seconds=90)
        email_sent_at(timezone.now())
        JobFactory.create(queue="", next_attempt_at=timezone.now())
        job_pause(scope=Scope.QUEUE, name="")
        for number in range(2):
            attempt_at(timezone.now(), error=f"450 <u{number}@example.com> is full")
        client.force_login(_staff_who_may(*PERMISSIONS.values()))
        page = _page(client)
        tiles, text = _tiles(page), " ".join(page.text_content().split())
        assert tiles["E-mails due"] == "1 ! a backlog: 1 a minute, about 1 min left"
        assert tiles["Jobs due"] == "0 ✓ nothing waits, 1 paused"
        assert "about 2 E-mail: transient" in text
        assert "errors are read: “about” is the share" in text

    def test_says_so_where_earlier_days_are_not_counted_yet(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counts, "ROWS_MAX", 1)
        for days in (5, 9, 9):
            email_sent_at(timezone.now() - timedelta(days=days))
        client.force_login(_staff_who_may("emails.view_email"))
        page = _page(client)
        assert "Earlier days are counted with the next looks" in page.text_content()
        assert len(page.xpath("//*[@class='unknown']")) == 21
