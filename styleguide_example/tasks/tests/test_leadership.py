"""One leads: by a lease in the database, kept, given back, or taken over when it ran out."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from structlog.testing import capture_logs

from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.tasks.leadership import LEASE_SECONDS, STANDBY_SECONDS, Leadership
from styleguide_example.tasks.models import BeatLeader, ScheduleRun
from styleguide_example.tasks.scheduler import LeasedScheduler
from styleguide_example.tasks.tests.beats import (
    NOON,
    SECOND,
    Beat,
    due_written,
    in_an_hour,
    lease_run_out,
    schedule_make,
)
from styleguide_example.tasks.timing import Every

pytestmark = pytest.mark.django_db

TEN = Every(10 * SECOND)


def _taken() -> Leadership:
    leadership = Leadership()
    assert leadership.take()
    return leadership


class TestLeadership:
    def test_is_taken_by_the_first(self) -> None:
        first, second = Leadership(), Leadership()
        assert first.take()
        assert not second.take()
        assert (first.is_held, second.is_held) == (True, False)

    def test_says_who_and_until_when(self) -> None:
        leadership = _taken()
        leader = BeatLeader.objects.get()
        assert leader.lease_owner == leadership.owner == str(leader)
        assert leader.lease_expires_at is not None
        left = (leader.lease_expires_at - timezone.now()).total_seconds()
        assert LEASE_SECONDS - 5 < left <= LEASE_SECONDS + 1

    def test_changes_hands_within_fifteen_seconds(self) -> None:
        assert LEASE_SECONDS + STANDBY_SECONDS <= 15

    def test_is_kept_for_its_full_time(self) -> None:
        leadership = _taken()
        BeatLeader.objects.update(lease_expires_at=timezone.now() + timedelta(seconds=1))
        assert leadership.keep()
        kept_until = BeatLeader.objects.get().lease_expires_at
        assert kept_until is not None
        assert (kept_until - timezone.now()).total_seconds() > LEASE_SECONDS - 5

    def test_is_kept_only_if_nothing_happened(self) -> None:
        leadership = _taken()
        before = BeatLeader.objects.get().lease_expires_at
        assert not leadership.keep(only_if=Q(pk__in=[]))
        assert not leadership.keep(only_if=Q(pk="somebody else"))
        assert BeatLeader.objects.get().lease_expires_at == before
        assert leadership.keep(only_if=Q(pk__isnull=False))

    def test_is_not_kept_once_its_time_ran_out(self) -> None:
        """Nobody took over yet; but somebody may be about to."""
        leadership = _taken()
        lease_run_out()
        assert not leadership.keep()

    def test_is_taken_over_when_its_time_ran_out(self) -> None:
        paused = _taken()
        lease_run_out()
        successor = _taken()
        assert not paused.keep()
        assert successor.keep()

    def test_is_given_back(self) -> None:
        leadership = _taken()
        leadership.release()
        assert not leadership.is_held
        assert Leadership().take()

    def test_of_a_successor_is_not_given_back_by_who_lost_it(self) -> None:
        paused = _taken()
        lease_run_out()
        successor = _taken()
        paused.release()
        assert successor.keep()

    def test_that_was_never_taken_is_neither_kept_nor_given_back(self) -> None:
        _taken()
        stranger = Leadership()
        assert not stranger.keep()
        stranger.release()
        assert BeatLeader.objects.get().lease_token is not None

    def test_is_noted_as_lost_once(self) -> None:
        leadership = _taken()
        with capture_logs() as lines:
            leadership.lose()
            leadership.lose()
        assert [line["event"] for line in lines] == ["beat_stands_by"]
        assert not leadership.is_held

    def test_is_one_statement_each(self) -> None:
        leadership = _taken()
        for call in (leadership.keep, leadership.release, leadership.take):
            with CaptureQueriesContext(connection) as queries:
                call()
            assert len(queries) == 1

    def test_is_not_kept_with_a_token_that_is_not_the_rows(self) -> None:
        leadership = _taken()
        BeatLeader.objects.update(lease_token=uuid.uuid4())
        assert not leadership.keep()


@pytest.mark.django_db(transaction=True)
class TestLeadershipAtOnce:
    def test_of_the_very_first_beats_is_one(self) -> None:
        """There is no row yet."""
        assert sum(race(lambda _: Leadership().take(), runners=4)) == 1
        assert BeatLeader.objects.count() == 1

    def test_of_many_that_stand_by_is_one(self) -> None:
        _taken()
        lease_run_out()
        assert sum(race(lambda _: Leadership().take(), runners=4)) == 1

    @pytest.mark.postgresql
    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one write at a time anyway")
    def test_is_not_taken_over_in_the_middle_of_a_transaction(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The lease runs out while a batch is written; the row's lock holds until that is committed."""
        leadership = _taken()
        monkeypatch.setattr("styleguide_example.tasks.leadership.Now", in_an_hour)
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                assert leadership.keep()
                taking = pool.submit(_take_elsewhere)
                with pytest.raises(TimeoutError):
                    taking.result(timeout=0.5)
            assert taking.result(timeout=30)


class TestTwoBeats:
    def test_one_fires_and_the_other_stands_by(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        leader, other = Beat().lead(), Beat()
        for second in range(0, 31, 2):
            leader.tick(NOON + second * SECOND)
            assert other.tick(NOON + second * SECOND) == STANDBY_SECONDS
        assert due_written(row) == [NOON + number * 10 * SECOND for number in (1, 2, 3)]
        assert (leader.is_leading(), other.is_leading()) == (True, False)
        assert len(queue) == 3

    def test_the_other_leads_at_once_when_the_leader_ends(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        leader, other = Beat().lead(), Beat()
        leader.run_until(NOON + 10 * SECOND)
        other.tick()
        leader.scheduler.close()

        Beat.lead(other).run_until(NOON + 20 * SECOND)

        assert due_written(row) == [NOON + 10 * SECOND, NOON + 20 * SECOND]

    def test_the_other_takes_over_from_one_that_was_killed(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        leader, other = Beat().lead(), Beat()
        leader.run_until(NOON + 10 * SECOND)
        lease_run_out()
        other.now = NOON + 23 * SECOND
        other.lead().run_until(NOON + 30 * SECOND)
        assert due_written(row) == [NOON + number * 10 * SECOND for number in (1, 2, 3)]

    def test_a_leader_that_was_paused_fires_nothing_that_its_successor_fired(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        paused, successor = Beat().lead(), Beat()
        lease_run_out()
        successor.lead().run_until(NOON + 20 * SECOND)
        assert len(queue) == 2

        for _ in range(3):
            assert paused.tick(NOON + 25 * SECOND) == STANDBY_SECONDS

        assert not paused.is_leading()
        assert due_written(row) == [NOON + 10 * SECOND, NOON + 20 * SECOND]
        assert len(queue) == 2

    def test_a_leader_that_was_paused_fires_nothing_though_nobody_took_over(self, queue: Queue) -> None:
        """It takes the lead like anybody, and only then decides what was missed."""
        row = schedule_make("Sweep", TEN)
        paused = Beat().lead()
        lease_run_out()
        paused.tick(NOON + 10 * SECOND)
        assert due_written(row) == []
        paused.lead().tick()
        assert due_written(row) == [NOON + 10 * SECOND]

    def test_two_that_both_think_they_lead_fire_each_due_time_once(
        self, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The lease is switched off; what is left is the unique row."""
        rows = [schedule_make(f"Sweep {number}", TEN) for number in range(3)]
        monkeypatch.setattr(Leadership, "take", _everybody_leads)
        monkeypatch.setattr(Leadership, "keep", _always_kept)
        beats = [Beat(), Beat()]
        for second in range(41):
            for beat in beats:
                beat.tick(NOON + second * SECOND)
                beat.tick()
        assert [due_written(row) for row in rows] == [[NOON + n * 10 * SECOND for n in (1, 2, 3, 4)]] * 3
        assert ScheduleRun.objects.count() == len(queue) == 12

    def test_who_leads_again_reads_what_was_decided_meanwhile(self, queue: Queue) -> None:
        row = schedule_make("Sweep", TEN)
        first, second = Beat().lead(), Beat()
        first.run_until(NOON + 10 * SECOND)
        lease_run_out()
        second.now = NOON + 20 * SECOND
        second.lead().tick()
        first.tick(NOON + 25 * SECOND)
        second.scheduler.close()

        first.lead().run_until(NOON + 30 * SECOND)

        assert due_written(row) == [NOON + number * 10 * SECOND for number in (1, 2, 3)]

    def test_one_that_ends_without_leading_takes_nothing_from_the_other(self, queue: Queue) -> None:
        leader, other = Beat().lead(), Beat()
        other.tick()
        other.scheduler.close()
        leader.tick()
        assert leader.is_leading()
        assert not LeasedScheduler(app=leader.scheduler.app)._leadership.is_held


def _take_elsewhere() -> bool:
    try:
        return Leadership().take()
    finally:
        connection.close()


def _everybody_leads(leadership: Leadership) -> bool:
    BeatLeader.objects.get_or_create(name="beat")
    leadership._token = uuid.uuid4()
    return True


def _always_kept(leadership: Leadership, *, only_if: Q | None = None) -> bool:
    return BeatLeader.objects.filter(only_if or Q()).exists()
