"""What a person would say of schedules that live through anything: told without the product's code."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.pausing import PausableWorker
from styleguide_example.tasks.enums import MissedRuns, Overlap, RunState, RunTrigger
from styleguide_example.tasks.models import BeatLeader, Schedule, ScheduleRun
from styleguide_example.tasks.tests.life_told import Kind, Told
from styleguide_example.tasks.tests.life_world import Clocks

TAKEOVER = timedelta(seconds=30)
#: Where more were missed, nobody counts.
COUNTED_MAX = 100
ATTEMPTS_MAX = 3
OPEN = {RunState.WAITING, RunState.RUNNING, RunState.RETRY}
#: What never changes any more.
AT_THE_END = ("state", "due_at", "covers", "finished_at", "started_at", "attempts", "error")
_COLUMNS = ("interval__every", "crontab__minute", "crontab__hour", "crontab__timezone")


@dataclass(eq=False)
class Hands:
    """A worker that stands still, and the runs that it holds."""

    worker: PausableWorker
    held: dict[UUID, tuple[UUID | None, datetime]] = field(default_factory=dict)


class Model:
    """All schedules, their runs, and what bodies did: that is the edge, where nothing can be taken back."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.told: dict[str, Told] = {}
        self.runs: dict[UUID, ScheduleRun] = {}
        self.hands: dict[PausableWorker, Hands] = {}
        self.endings: dict[str, str] = {}
        self.begun: Counter[UUID] = Counter()
        self.succeeded: set[UUID] = set()
        self.failed: set[UUID] = set()
        #: A worker that held it was killed, cut off or late.
        self.disturbed: set[UUID] = set()
        self.wrong: list[AssertionError] = []
        self.leader: tuple[UUID | None, datetime | None] = (None, None)
        #: Until then the database's clock has shown everything already, when it was put back.
        self.shown_until = clocks.steady

    # -- What happens --------------------------------------------------------------------------------------------------

    def deployed(self, code: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, Kind]) -> None:
        """What an admin did not edit is as in the code."""
        now = self.clocks.now
        for name, says in code.items():
            told = self.told.get(name)
            if told is None:
                pk = PeriodicTask.objects.get(name=name).pk
                self.told[name] = Told(pk, kinds[name], {**says}, now, now, applied={**says})
                continue
            applied = told.applied or {}
            told.change(now, **{name: value for name, value in says.items() if told.says[name] == applied[name]})
            told.disabled_until = None if told.says["enabled"] else told.disabled_until
            told.applied = {**says}

    def database_jumped(self) -> None:
        """What is due again may be fired where it was not. Of a clock that is put back nothing else is promised."""
        now = self.clocks.now
        if now < self.clocks.steady:
            self.shown_until = self.clocks.steady
        for told in self.told.values():
            told.since, told.since_maybe = max(told.since, self.clocks.steady), min(told.since_maybe, now)
            told.covered = {due for due in told.covered if due <= now}
        self.time_passed()

    def time_passed(self) -> None:
        """Leases have run out."""
        for hands in self.hands.values():
            self._nobody_knows(hands, [pk for pk, (_, until) in hands.held.items() if until <= self.clocks.now])

    def started(self, worker: PausableWorker, ending: str = "succeed") -> None:
        self.hands[worker] = Hands(worker)
        self.endings[worker.name] = ending

    def advanced(self, worker: PausableWorker) -> None:
        hands, now = self.hands[worker], self.clocks.now
        rows = ScheduleRun.objects.filter(lease_owner__startswith=f"{worker.name}:")
        until = {row.pk: (row.lease_token, row.lease_expires_at or now) for row in rows}
        hands.held = {pk: (token, expires_at) for pk, (token, expires_at) in until.items() if expires_at > now}
        self.disturbed |= until.keys() - hands.held.keys()
        if worker.is_ended:
            self._nobody_knows(hands, [*hands.held])
            del self.hands[worker]

    def _nobody_knows(self, hands: Hands, keys: Iterable[UUID]) -> None:
        for pk in keys:
            self.disturbed.add(pk)
            del hands.held[pk]

    def body_begins(self, pk: UUID, worker: str) -> str:
        """It runs now, whatever anybody says later. Returns how it ends."""
        try:
            return self._body_begins(pk, worker)
        except AssertionError as error:  # which the worker takes for one of the body's
            self.wrong.append(error)
            raise

    def _body_begins(self, pk: UUID, worker: str) -> str:
        run = self.runs[pk]
        self.begun[pk] += 1
        assert run.state in OPEN, f"Run {run} was begun after its end."
        assert self.begun[pk] <= ATTEMPTS_MAX, f"Run {run} was begun {self.begun[pk]} times."
        assert self.begun[pk] == 1 or pk in self.disturbed, f"Run {run} was begun twice for nothing."
        is_late = run.expires_at is not None and run.expires_at <= self.clocks.now and self.begun[pk] == 1
        assert not is_late, f"Run {run} had expired."
        assert str(ScheduleRun.objects.get(pk=pk).lease_owner).startswith(f"{worker}:"), f"{run} ran without a lease."
        for hands in self.hands.values():
            assert hands.worker.name == worker or pk not in hands.held, f"Two hold run {run}."
        kills = any(told.kind.kills for told in self.told.values() if told.pk == run.periodic_task_id)
        ending = "crash" if kills else self.endings[worker]
        (self.succeeded if ending == "succeed" else self.failed).add(pk)
        return ending

    # -- What must hold ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        assert not self.wrong, self.wrong
        self._check_schedules()
        runs = {run.pk: run for run in ScheduleRun.objects.all()}
        assert self.runs.keys() <= runs.keys(), "A run was deleted."
        for told in self.told.values():
            news = [run for pk, run in runs.items() if pk not in self.runs and run.periodic_task_id == told.pk]
            self._decided(told, sorted(news, key=lambda run: run.due_at))
        for pk, run in runs.items():
            self._check_run(self.runs.get(pk), run)
        self._check_leader(
            has_fired=any(runs[pk].trigger == RunTrigger.SCHEDULE for pk in runs.keys() - self.runs.keys())
        )
        for hands in self.hands.values():
            for pk, (token, _) in hands.held.items():
                assert runs[pk].lease_token == token, f"A live lease of run {runs[pk]} was taken."
        decided = dict(Schedule.objects.values_list("pk", "decided_until"))
        for name, told in self.told.items():
            if until := decided.get(told.pk):
                owed = told.owed(min(until, self.clocks.steady))
                assert not owed, f"{name} is said to be decided until {until}, and is not for {owed}."
        self.runs = runs

    def _check_schedules(self) -> None:
        """An admin's edits are there, and what code changed elsewhere; beat enables what was disabled until now."""
        found = PeriodicTask.objects.values_list("name", "pk", "enabled", "policies__missed_runs", *_COLUMNS)
        rows = {name: values for name, *values in found}
        assert rows.keys() == self.told.keys()
        for name, (pk, enabled, missed_runs, *timing) in rows.items():
            told = self.told[name]
            until = told.disabled_until
            if enabled and not told.says["enabled"] and until is not None and until <= self.clocks.steady:
                told.change(until - timedelta(microseconds=1), enabled=True)
                told.disabled_until = None
            assert pk == told.pk, f"{name} was written anew."
            seen = (enabled, missed_runs or MissedRuns.RUN_ONCE, tuple(str(one) for one in timing))
            should = (told.says["enabled"], told.says["missed_runs"], tuple(str(one) for one in told.timing.row))
            assert seen == should, f"{name} is {seen} and should be {should}."

    def _decided(self, told: Told, runs: Collection[ScheduleRun]) -> None:
        """What beat wrote just now, in one transaction."""
        written = [run for run in runs if run.trigger == RunTrigger.SCHEDULE]
        open_before = {run.pk for run in self.runs.values() if run.periodic_task_id == told.pk and run.state in OPEN}
        made_up = []
        for run in written:
            name = f"{run} of {told.says} since {told.since}, written {self.clocks.now},"
            assert told.says["enabled"], f"{name} is of a schedule that is disabled."
            covers = told.timing.before(run.due_at, run.covers)
            if run.covers == COUNTED_MAX:
                covers = told.timing.due(told.since_maybe, run.due_at - timedelta(microseconds=1))
            for due in (run.due_at, *covers):
                assert told.timing.due(due - timedelta(microseconds=1), due), f"{name} was not due at {due}."
                assert due > told.since_maybe, f"{name} makes up for {due}."
                is_again = due in told.fired | told.covered and (due == run.due_at or due > self.shown_until)
                assert not is_again, f"{name} decides {due} for a second time."
            told.fired.add(run.due_at)
            told.covered |= {*covers}
            late = [self.clocks.steady - due for due in covers]
            assert not late or min(late) >= TAKEOVER, f"{name} stands for what was not missed."
            if run.state == RunState.MISSED:
                self._check_missed(told, run, name)
            elif run.covers or self.clocks.now - run.due_at >= TAKEOVER:
                made_up.append(run)
                missed_at = run.due_at if self.clocks.now - run.due_at >= TAKEOVER else covers[0]
                is_right = told.kind.is_made_up_for(told.says["missed_runs"], self.clocks.now - missed_at)
                assert is_right, f"{name} makes up for what it must not."
            is_overlap = told.kind.overlap is Overlap.SKIP and bool(open_before)
            if run.state != RunState.MISSED:
                assert (run.state == RunState.SKIPPED) == is_overlap, f"{name} overlaps, or should."
                open_before |= {run.pk} if run.state in OPEN else set()
        assert len(made_up) <= 1, f"{made_up} of {told.says} are too many for what was missed."

    def _check_missed(self, told: Told, run: ScheduleRun, name: str) -> None:
        late = self.clocks.steady - run.due_at
        assert late >= TAKEOVER, f"{name} was not missed."
        assert not told.kind.is_made_up_for(told.says["missed_runs"], late), f"{name} should be made up for."

    def _check_leader(self, *, has_fired: bool) -> None:
        """It may have given its lead back meanwhile."""
        token, until = BeatLeader.objects.values_list("lease_token", "lease_expires_at").first() or (None, None)
        if token is not None and until is not None:
            assert not has_fired or until > self.clocks.now, "Who fired did not lead any more."
        before, before_until = self.leader
        is_live = before is not None and before_until is not None and before_until > self.clocks.now
        assert token in {before, None} or not is_live, "A live lead was taken."
        self.leader = token, until

    def _check_run(self, before: ScheduleRun | None, run: ScheduleRun) -> None:
        is_open = run.state in OPEN
        assert (run.finished_at is None) == is_open
        assert (run.lease_token is not None) == (run.state == RunState.RUNNING)
        assert self.begun[run.pk] <= run.attempts <= ATTEMPTS_MAX
        if before is not None and before.state not in OPEN:
            for column in AT_THE_END:
                assert getattr(run, column) == getattr(before, column), f"{before} had ended, and is {run}."
        if run.state == RunState.SUCCESS:
            assert run.pk in self.succeeded, f"{run} is said to have succeeded."
        if run.state == RunState.FAILURE:
            assert run.pk in self.failed, f"{run} is said to have failed: {run.error}"
        if run.state == RunState.LOST:
            assert run.pk in self.disturbed, f"Nobody disturbed {run}."
        if run.state == RunState.EXPIRED:
            assert run.expires_at is not None
            assert run.expires_at <= self.clocks.steady, f"{run} had time left."

    def owed(self) -> dict[str, list[datetime]]:
        """What is due and was not decided."""
        owed = {name: told.owed(self.clocks.now) for name, told in self.told.items()}
        return {name: due for name, due in owed.items() if due}

    def are_open(self) -> list[ScheduleRun]:
        return [run for run in self.runs.values() if run.state in OPEN]
