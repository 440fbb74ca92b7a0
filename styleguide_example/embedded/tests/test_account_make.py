from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from styleguide_example.emails.models import Email
from styleguide_example.embedded.account import account_make
from styleguide_example.embedded.mailbox import CaughtMail, caught_add, caught_list
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.tests.factories import job_ended_make, job_running_make
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.timetable import TIMETABLE

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _timetable() -> None:
    periodic_tasks_sync(entries=TIMETABLE)


def _sent(to: str) -> Email:
    now = timezone.now()
    return Email.objects.create(
        to=[to], subject="Welcome", plain_text="Hello", status=Email.Status.SENT, attempts=1,
        queued_at=now - timedelta(seconds=1), sent_at=now, ended_at=now,
    )  # fmt: skip


def _catch(directory: Path, *emails: Email) -> list[CaughtMail]:
    for email in emails:
        source = f"Message-ID: {email.message_id}\r\nSubject: {email.subject}\r\n\r\nHello\r\n".encode()
        caught_add(directory, envelope_from="hello@example.com", envelope_to=email.to, source=source)
    return caught_list(directory)


class TestAccountMake:
    def test_finds_nothing_wrong_when_each_arrived_once(self, directory: Path) -> None:
        emails = [_sent("ada@example.com"), _sent("ada@example.com")]

        account = account_make(people=1, caught=_catch(directory, *emails))

        assert account.problems == []
        assert account.figures() == {
            "emails_sent": 2,
            "lost": 0,
            "duplicates": 0,
            "jobs_succeeded": 0,
            "schedules": len(TIMETABLE),
            "schedule_edits_kept": 0,
        }
        assert all(line.milliseconds and 900 < line.milliseconds < 10_000 for line in account.emails)

    def test_says_how_each_job_ended(self, directory: Path) -> None:
        job_ended_make(kind="announcement-send", progress_message="E-mails written: 3.", attempts=1)
        emails = [_sent("ada@example.com") for _ in range(3)]

        account = account_make(people=1, announcements=1, caught=_catch(directory, *emails))

        (line,) = account.jobs
        assert (line.kind, line.state, line.said, line.attempts) == (
            *("announcement-send", JobState.SUCCESS, "E-mails written: 3.", 1),
        )
        assert account.figures()["jobs_succeeded"] == 1
        assert account.problems == []

    def test_complains_about_a_job_that_failed(self, directory: Path) -> None:
        job_ended_make(JobState.FAILURE)
        emails = [_sent("ada@example.com") for _ in range(3)]

        account = account_make(people=1, announcements=1, caught=_catch(directory, *emails))

        assert account.jobs[0].said == "It went wrong."
        assert account.problems == ["1 jobs were started, 0 succeeded."]

    def test_shows_a_job_that_has_not_ended(self, directory: Path) -> None:
        job_running_make()
        assert account_make(people=0, caught=[]).jobs[0].seconds is None

    def test_counts_as_lost_what_is_recorded_as_sent_and_never_arrived(self, directory: Path) -> None:
        arrived, _lost = _sent("ada@example.com"), _sent("ada@example.com")

        account = account_make(people=1, caught=_catch(directory, arrived))

        assert (account.emails_sent, account.lost) == (1, 1)
        assert "1 e-mails never arrived at the SMTP server." in account.problems

    def test_counts_as_lost_what_nobody_asked_for_though_it_was_expected(self, directory: Path) -> None:
        account = account_make(people=1, caught=_catch(directory, _sent("ada@example.com")))

        assert account.lost == 1

    def test_counts_further_arrivals_of_one_message_id(self, directory: Path) -> None:
        twice, once = _sent("ada@example.com"), _sent("ada@example.com")

        account = account_make(people=1, caught=_catch(directory, twice, once, twice))

        assert (account.emails_sent, account.duplicates) == (2, 1)
        assert "1 e-mails arrived more than once." in account.problems

    def test_complains_about_an_arrival_without_a_record(self, directory: Path) -> None:
        emails = [_sent("ada@example.com"), _sent("ada@example.com")]
        caught = _catch(directory, *emails)
        Email.objects.filter(pk=emails[0].pk).update(status=Email.Status.SENDING, sent_at=None, ended_at=None)

        account = account_make(people=1, caught=caught)

        assert account.problems == ["1 e-mails are not recorded as sent."]

    def test_complains_about_a_schedule_that_is_not_there(self, directory: Path) -> None:
        periodic_tasks_sync(entries=TIMETABLE[1:])
        emails = [_sent("ada@example.com"), _sent("ada@example.com")]

        account = account_make(people=1, caught=_catch(directory, *emails))

        assert account.problems == [f"Not scheduled: {TIMETABLE[0].name}."]

    def test_counts_the_edits_of_an_admin_that_are_there(self, directory: Path) -> None:
        PeriodicTask.objects.filter(name=TIMETABLE[1].name).update(enabled=False, description="Edited")
        PeriodicTask.objects.filter(name=TIMETABLE[2].name).update(priority=1)
        emails = [_sent("ada@example.com"), _sent("ada@example.com")]

        account = account_make(people=1, edits=1, caught=_catch(directory, *emails))

        assert account.schedule_edits == 2
        assert "1 schedules were edited, 2 edits are there." in account.problems
