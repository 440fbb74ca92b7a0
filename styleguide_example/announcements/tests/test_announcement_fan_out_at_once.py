from collections import Counter
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from styleguide_example.announcements.fanout import announcement_fan_out
from styleguide_example.announcements.models import Announcement, AnnouncementSkip
from styleguide_example.announcements.services import announcement_send
from styleguide_example.announcements.tests.batches import account_of, addresses, after_batch, everyone
from styleguide_example.announcements.tests.factories import (
    AnnouncementFactory,
    announcement_begun,
    job_held,
    people_make,
    sender_make,
)
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Email
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.jobs.exceptions import JobCancelledError, JobLeaseLostError
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import job_cancel
from styleguide_example.users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_batches(settings: Settings, queue: Queue) -> None:
    """Batches of three, and every report of progress is written."""
    settings.ANNOUNCEMENT_BATCH_SIZE = 3
    settings.JOB_PROGRESS_SECONDS = 0


class TestAnnouncementFanOutAtOnce:
    def test_from_two_workers_with_one_job_writes_each_once(self) -> None:
        people_make(30)
        suppression_add(address="reader-4@example.com", reason=SuppressionReason.UNSUBSCRIBED)
        announcement = announcement_begun()
        job = job_held(announcement)

        race(lambda _: _outcome(announcement.pk, job), runners=2)

        assert account_of(announcement) == (29, 1, 0)
        assert sorted(addresses().values()) == [1] * 29
        assert AnnouncementSkip.objects.count() == 1

    def test_from_two_jobs_writes_each_once(self) -> None:
        people_make(30)
        announcement = announcement_begun()
        jobs = [job_held(announcement), job_held(announcement)]

        race(lambda number: _outcome(announcement.pk, jobs[number]), runners=2)

        # Who met the other one stopped; whoever is left goes on.
        announcement_fan_out(announcement=announcement, job=jobs[0])
        assert account_of(announcement) == (30, 0, 0)
        assert addresses() == everyone()

    def test_with_a_second_send_begins_once(self) -> None:
        people_make(3)
        announcement = AnnouncementFactory.create()
        sender = sender_make()

        def send(_: int) -> str:
            try:
                announcement_send(announcement=Announcement.objects.get(pk=announcement.pk), by=sender)
            except Exception as error:  # noqa: BLE001  whichever it is, it is looked at below
                return type(error).__name__
            return "sent"

        assert sorted(race(send, runners=4)) == ["AnnouncementStatusConflictError"] * 3 + ["sent"]
        assert Job.objects.count() == 1


class TestAnnouncementFanOutProperties:
    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        people=st.lists(st.sampled_from(["fine", "unsubscribed", "invalid", "closed"]), min_size=1, max_size=12),
        batch_size=st.integers(1, 5),
        stops=st.lists(st.integers(1, 3), max_size=4),
    )
    def test_however_often_it_is_stopped_everybody_is_dealt_with_once(
        self, settings: Settings, people: list[str], batch_size: int, stops: list[int]
    ) -> None:
        for model in (Email, AnnouncementSkip, Announcement, Job, User):
            model.objects.all().delete()
        settings.ANNOUNCEMENT_BATCH_SIZE = batch_size
        people_make(1, start=1000)
        for number, kind in enumerate(people):
            address = f"{kind}-{number}" if kind == "invalid" else f"{kind}-{number}@example.com"
            people_make(1, start=number, email=address, is_active=kind != "closed")
            if kind == "unsubscribed":
                suppression_add(address=address, reason=SuppressionReason.UNSUBSCRIBED)
        announcement = announcement_begun()
        seen = [0]

        for stop in stops:
            job = job_held(announcement)
            with after_batch(stop, partial(job_cancel, job=Job.objects.get(pk=job.pk))), suppress(JobCancelledError):
                announcement_fan_out(announcement=announcement, job=job)
            announcement.refresh_from_db()
            assert announcement.dealt_with >= seen[-1]
            seen.append(announcement.dealt_with)
        result = announcement_fan_out(announcement=announcement, job=job_held(announcement))

        counts = Counter(people)
        assert result == {
            "recipients": 1 + len(people) - counts["closed"],
            "written": 1 + counts["fine"],
            "suppressed": counts["unsubscribed"],
            "invalid": counts["invalid"],
        }
        assert Email.objects.count() == result["written"]
        assert AnnouncementSkip.objects.count() == counts["unsubscribed"] + counts["invalid"]


def _outcome(announcement_id: int, job: Job) -> str:
    try:
        announcement_fan_out(announcement=Announcement.objects.get(pk=announcement_id), job=job)
    except JobLeaseLostError:
        return "lost"
    return "done"
