"""Schedules whose broker or beats are away, that are many, that nobody knows, and that the clock moves."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from faults.edges import Count
from faults.errors import FaultsError
from faults.profiles import SWEEP_SECONDS
from faults.runs import OPEN, Fired, are_known_to_beat, fired, succeeded
from faults.scenario import Outcome, Run, scenario
from styleguide_example.tasks.tests.wall_clock import WallClock, clock_changes

HOUR = timedelta(hours=1)
#: The moved clock shows a year in which no row of this run was saved.
YEAR = datetime.now(UTC).year + 1
MOVED = "--scheduler=faults.product.clocks:MovedScheduler"
AT_ONCE = 1_000
#: Later, a sweep would have expired, for the next one is due; and nothing else here need be later than a sweep.
ON_TIME_SECONDS = SWEEP_SECONDS
_PRODUCT = "faults.product.schedules"


# -- S3: nobody can fire -----------------------------------------------------------------------------------------------


@scenario("S3a", title="The broker is away for six due times", load="four schedules that are due every second")
def broker_away_for_due_times(run: Run) -> Outcome:
    """SIGKILL, and back: one runs late, one skips while a run waits, one lets expire what waited for too long."""
    names = {policy: f"{policy} of {run.ledger.label}" for policy in ("late", "skipping", "expiring")}
    columns: tuple[dict[str, Any], ...] = ({}, {"policies": {"overlap": "skip"}}, {"expire_seconds": 2})
    with run.load.schedule(), _started(run, dict(zip(names.values(), columns, strict=True))):
        run.ledger.schedule_noted(names["late"])
        run.wait_until(lambda: _has_run(run, names.values(), 3), what="three runs of each")
        run.servers.broker.down_for(6)
        run.fault_ended()
        ticks, each = len(run.ledger.ticks()), min(succeeded(run.database, name) for name in names.values())
        run.wait_until(lambda: len(run.ledger.ticks()) >= ticks + 6, what="runs")
        run.recovery_noted()
        run.wait_until(lambda: _has_run(run, names.values(), each + 3), what="more runs of each")
    run.recovered()
    _expect_states(run, names["skipping"], {"success", "skipped"})
    _expect_states(run, names["expiring"], {"success", "expired"})
    return run.outcome(recovered_at_most=15, seen="What was due ran late, was skipped or expired, each as it says.")


@scenario("S3b", title="No beat decides for two minutes", load="three schedules that are due every twenty seconds")
def no_beat_for_two_minutes(run: Run) -> Outcome:
    """Both beats are away, and their rows say that it was for two minutes: then each schedule's policy decides."""
    names = {policy: f"{policy} of {run.ledger.label}" for policy in ("run once", "skip", "within a second")}
    columns: tuple[dict[str, Any], ...] = (
        {},
        {"policies": {"missed_runs": "skip"}},
        {"policies": {"grace_seconds": 1}},
    )
    with _started(run, dict(zip(names.values(), columns, strict=True)), seconds=20):
        run.ledger.schedule_noted(names["run once"], seconds=20)
        run.wait_until(lambda: are_known_to_beat(run.database, names.values()), what="beat to know them")
        with ExitStack() as down:
            for beat in run.stack.beats:
                down.enter_context(beat.left_down())
                beat.kill()
            for name in names.values():
                run.stack.feeder.call(f"{_PRODUCT}.undecided_for", prefix=name, seconds=120)
        run.fault_ended()
        run.wait_until(lambda: _has_run(run, names.values(), 1), what="a run of each")
        run.recovery_noted()
    run.recovered()
    _expect_made_up_for_once(run, names["run once"])
    for name in (names["skip"], names["within a second"]):
        _expect_states(run, name, {"success", "missed"})
    return run.outcome(recovered_at_most=15, seen="What was missed ran once, or is listed as missed.")


# -- S5: the clock -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Jump:
    """A change of the clocks, and the time of day that it leaves out or repeats."""

    zone: str
    at: datetime
    time_of_day: datetime


@scenario(
    "S5",
    title="The clocks change in four zones",
    load="a nightly schedule at the time that is left out or comes twice, and an hourly one, through both changes",
)
def clocks_change(run: Run) -> Outcome:
    """Beat's clock is moved from due time to due time through a year; what is due was looked up on the wall clock."""
    zones = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo")
    jumps = sorted((jump for zone in zones for jump in _jumps(zone)), key=lambda jump: jump.at)
    counted = Count()
    with _moved_beats(run, to=jumps[0].at - HOUR * 2):
        for jump in jumps:
            counted += _through(run, jump)
    outcome = run.outcome(seen=f"{counted.asked} runs, each at its time and once.")
    return replace(outcome, count=outcome.count + counted)


def _jumps(zone: str) -> Iterator[Jump]:
    for hour in clock_changes(zone, year=YEAR):
        minutes = [(hour + timedelta(minutes=number)).astimezone(ZoneInfo(zone)) for number in range(61)]
        at = next(minute for minute in minutes if minute.utcoffset() != minutes[0].utcoffset())
        old, new = minutes[0].utcoffset() or HOUR, at.utcoffset() or HOUR
        wall = at.replace(tzinfo=None)
        yield Jump(zone, at.astimezone(UTC), min(wall, wall - new + old) + abs(new - old) / 2)


def _through(run: Run, jump: Jump) -> Count:
    """From an hour and a half before the jump to as long after it; what was due, and what was fired."""
    after, until = jump.at - HOUR * 1.5, jump.at + HOUR * 1.5
    minute, hour = jump.time_of_day.minute, jump.time_of_day.hour
    lines = [f"{minute} {hour} * * *", f"{minute} * * * *"]
    names = {line: f"{run.ledger.label} {jump.zone} {jump.at:%m}: {line}" for line in lines}
    wall = WallClock(jump.zone, after=after, until=until)
    expected = Counter((names[line], due) for line in lines for due in wall.due(line))
    _clock_set(run, after)
    for line, name in names.items():
        how = {"line": line, "time_zone": jump.zone, "saved_at": after.isoformat()}
        run.stack.feeder.call(f"{_PRODUCT}.crontab_start", name=name, scenario=run.ledger.label, **how)
    run.wait_until(lambda: are_known_to_beat(run.database, names.values()), what="beat to know them")
    for moment in [*sorted({due for _, due in expected}), until]:
        _clock_set(run, moment)
        due_by_now = sum(number for (_, due), number in expected.items() if due <= moment)
        with suppress(FaultsError):  # counted below
            run.wait_until(lambda due=due_by_now: len(_of(run, names)) >= due, what="the runs", seconds=10)  # type: ignore[misc]
    with suppress(FaultsError):
        run.wait_until(lambda: {run.state for _, run in _of(run, names)} == {"success"}, what="their ends", seconds=20)
    found = Counter((name, each.due_at) for name, each in _of(run, names) if each.state == "success")
    run.stack.feeder.call(f"{_PRODUCT}.schedules_delete", prefix=f"{run.ledger.label} ")
    return Count(expected.total(), (expected - found).total(), (found - expected).total())


@contextmanager
def _moved_beats(run: Run, *, to: datetime) -> Iterator[None]:
    """Both beats are started again, and go by the clock of the scenario inside this block.

    What is due every few seconds rests meanwhile: it would make up for the last half minute at each step.
    """
    _clock_set(run, to)
    resting = run.stack.feeder.call(f"{_PRODUCT}.intervals_rest")
    for beat in run.stack.beats:
        beat.command += f" {MOVED}"
        beat.terminate(5)
        beat.start()
    try:
        yield
    finally:
        for beat in run.stack.beats:
            beat.command = beat.command.removesuffix(f" {MOVED}")
            beat.terminate(5)
            beat.start()
        run.stack.feeder.call(f"{_PRODUCT}.intervals_rest", enabled=True, keys=resting)


def _clock_set(run: Run, moment: datetime) -> None:
    file = run.stack.diary.with_name("clock")
    new = file.with_suffix(".new")
    new.write_text(moment.isoformat())
    new.rename(file)  # a beat reads the one or the other


# -- S6: many ----------------------------------------------------------------------------------------------------------


@scenario(
    "S6",
    title="A thousand schedules are due at once",
    load="a thousand, of which one takes four seconds, one whose task nobody knows, and one that is due every second",
)
def thousand_due_at_once(run: Run) -> Outcome:
    """All have one due time. Nothing is broken: each is to be fired once, and whatever else is due then in time."""
    prefix, unknown = f"At once {run.ledger.label} ", f"Unknown {run.ledger.label}"
    how = {"count": AT_ONCE, "seconds": 6, "slow_seconds": 4, "unknown": unknown}
    with run.load.schedule() as every_second:
        run.stack.feeder.call(f"{_PRODUCT}.due_at_once", prefix=prefix, scenario=run.ledger.label, **how)
        run.wait_until(lambda: bool(fired(run.database, f"{prefix}%")), what="the due time")
        run.fault_ended()
        run.wait_until(lambda: succeeded(run.database, f"{prefix}%") >= AT_ONCE, what="their ends", seconds=90)
        run.recovery_noted()
    run.recovered()
    at_once = fired(run.database, f"{prefix}%")
    sent = max(_seconds(each.due_at, each.woken_at) for each in at_once + fired(run.database, every_second))
    run.expect(sent <= ON_TIME_SECONDS, f"the message of one was sent {sent:.1f} s after its due time")
    # The thousand keep the workers busy for as long as they take. What is urgent may not wait behind them.
    sweeps = [each for each in fired(run.database, "Wake workers%") if each.due_at >= at_once[0].due_at]
    began = max(_seconds(each.due_at, each.started_at) for each in sweeps)
    run.expect(began <= ON_TIME_SECONDS, f"a sweep began {began:.1f} s after its due time")
    run.expect(any(beat.process.has_said(unknown) for beat in run.stack.beats), "nobody reported the unknown task")
    kept = run.database.value("SELECT enabled FROM django_celery_beat_periodictask WHERE name = %s", [unknown])
    run.expect(kept, "the schedule with the unknown task was not kept")
    for name in (prefix, unknown):
        run.stack.feeder.call(f"{_PRODUCT}.schedules_delete", prefix=name)
    outcome = run.outcome(seen=f"All were sent within {sent:.1f} s; what is urgent began within {began:.1f} s.")
    lost = AT_ONCE - sum(each.state == "success" for each in at_once)
    return replace(outcome, count=outcome.count + Count(AT_ONCE, lost, max(len(at_once) - AT_ONCE, 0)))


# -- Rows --------------------------------------------------------------------------------------------------------------


@contextmanager
def _started(run: Run, schedules: Mapping[str, Mapping[str, Any]], *, seconds: int = 1) -> Iterator[None]:
    """Schedules by their names, with their columns, that become due inside this block."""
    with ExitStack() as ends:
        for name, columns in schedules.items():
            run.stack.feeder.call("schedule_start", name=name, scenario=run.ledger.label, seconds=seconds, **columns)
            ends.callback(run.stack.feeder.call, "schedule_end", name=name)
        yield


def _of(run: Run, names: Mapping[str, str]) -> list[tuple[str, Fired]]:
    return [(name, each) for name in names.values() for each in fired(run.database, name)]


def _has_run(run: Run, names: Iterable[str], count: int) -> bool:
    return all(succeeded(run.database, name) >= count for name in names)


def _expect_states(run: Run, name: str, states: set[str]) -> None:
    run.wait_until(lambda: not {each.state for each in fired(run.database, name)} & OPEN, what=f"the ends of {name}")
    found = {each.state for each in fired(run.database, name)}
    run.expect(found == states, f"the runs of {name} ended in {', '.join(sorted(found))}")


def _expect_made_up_for_once(run: Run, name: str) -> None:
    covering = [each for each in fired(run.database, name) if each.covers]
    run.expect(len(covering) == 1, f"{len(covering)} runs of {name} stand for those that were missed")


def _seconds(due_at: datetime, moment: datetime | None) -> float:
    """How late it was; of what was skipped, nothing."""
    return 0.0 if moment is None else (moment - due_at).total_seconds()
