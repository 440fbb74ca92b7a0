"""What there is at this moment."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from time_machine import TimeMachineFixture

from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Suppression
from styleguide_example.jobs.enums import Scope
from styleguide_example.jobs.services import job_pause
from styleguide_example.jobs.tests.factories import JobFactory, job_running_make
from styleguide_example.operations.standings import Line, Standings, Topic, standings_read
from styleguide_example.operations.tests.rows import beat_leading, email_due, email_sent_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def one_moment(time_machine: TimeMachineFixture) -> None:
    """What is told to the second must not depend on how long the test takes."""
    time_machine.move_to(timezone.now(), tick=False)


def _read(*topics: Topic) -> Standings:
    return standings_read(topics or [*Topic], now=timezone.now())


def _said(lines: list[Line]) -> list[tuple[str, int, int]]:
    return [(line.name, line.count, round(line.seconds)) for line in lines]


class TestStandingsRead:
    @pytest.mark.usefixtures("one_moment")
    def test_counts_e_mails_that_are_due_by_priority_with_the_age_of_the_oldest(self) -> None:
        email_due(seconds=90, priority=5)
        email_due(seconds=30, priority=5)
        email_due(seconds=5, priority=1)
        email_due(seconds=-60, priority=1)
        lease = {"lease_token": uuid.uuid4(), "lease_expires_at": timezone.now()}
        email_due(seconds=90, priority=1, **lease)
        assert _said(_read().emails) == [("1 highest", 1, 5), ("5 normal", 2, 90)]

    def test_knows_a_backlog_that_goes_out_in_order_from_what_nobody_takes(self) -> None:
        now = timezone.now()
        for priority, sent_ago in ((1, 300), (3, 10), (3, 20)):
            email_sent_at(now - timedelta(seconds=sent_ago), priority=priority)
        for priority in (1, 3, 3, 3, 7):
            email_due(seconds=90, priority=priority)
        email_sent_at(now, priority=9)
        email_due(seconds=5, priority=9)
        highest, high, low, lowest = _read().emails
        assert (highest.is_too_old, highest.is_busy) == (True, False)
        assert (high.is_too_old, high.is_busy, high.a_minute, high.minutes_left) == (False, True, 2, 2)
        assert (low.is_busy, low.a_minute) == (True, 2)  # it waits behind the backlog
        assert (lowest.is_too_old, lowest.is_busy) == (False, False)

    def test_leaves_out_jobs_that_are_paused_and_counts_them_apart(self, settings: Settings) -> None:
        long_ago = timezone.now() - timedelta(seconds=90)
        for queue in ("", settings.CELERY_TASK_DEFAULT_QUEUE, "slow"):
            JobFactory.create(queue=queue, next_attempt_at=long_ago)
        job_pause(scope=Scope.QUEUE, name="")
        slow, default = _read().jobs
        assert (slow.name, slow.count, slow.paused, slow.is_too_old) == ("slow", 1, 0, True)
        assert (default.count, default.paused, default.is_too_old) == (0, 2, False)

    @pytest.mark.usefixtures("one_moment")
    def test_counts_jobs_that_are_due_by_queue_the_longest_first(self, settings: Settings) -> None:
        now, default = timezone.now(), settings.CELERY_TASK_DEFAULT_QUEUE
        JobFactory.create(next_attempt_at=now - timedelta(seconds=40))
        JobFactory.create(queue=default, next_attempt_at=now - timedelta(seconds=50))
        JobFactory.create(queue="slow", next_attempt_at=now - timedelta(seconds=99))
        job_running_make(queue="slow")
        assert _said(_read().jobs) == [("slow", 1, 99), (default, 2, 50)]

    def test_names_the_beat_that_leads_and_none_whose_lease_ran_out(self) -> None:
        leader = beat_leading()
        assert _read().beat == "host-1:42"
        leader.lease_expires_at = timezone.now() - timedelta(seconds=1)
        leader.save()
        assert _read().beat is None

    def test_counts_suppressed_addresses_by_reason_and_the_new_ones(self) -> None:
        for number, reason in enumerate(("bounced", "bounced", "unsubscribed")):
            Suppression.objects.create(
                address=f"{number}@example.com",
                reason=SuppressionReason(reason),
                created_at=timezone.now() - timedelta(hours=20 * number),
            )
        assert (_read().suppressed, _read().suppressed_new) == ({"bounced": 2, "unsubscribed": 1}, 2)

    def test_asks_one_query_for_all_and_none_for_nothing(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(1):
            _read()
        with django_assert_num_queries(0):
            assert standings_read([], now=timezone.now()).emails == []


class TestLine:
    @pytest.mark.parametrize(("seconds", "is_too_old"), [(60, False), (60.1, True)])
    def test_is_too_old_beyond_the_setting(self, *, seconds: float, is_too_old: bool) -> None:
        assert Line("5", 1, seconds).is_too_old is is_too_old
