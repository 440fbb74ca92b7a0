"""Deploys of a timetable while beat runs: two at once, cut off in the middle, over what admins edited."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from faults.database import Row
from faults.errors import FaultsError
from faults.scenario import Outcome, Run, scenario

LOAD = "a hundred entries that change, and one that is due every second"
_PRODUCT = "faults.product.timetables"
NORMAL, LOW, HIGH = 5, 7, 3
#: What an admin sets in entries of which the next release leaves one out, renames one, and changes one otherwise.
EXPIRES = 77
LEFT_OUT, RENAMED, CHANGED, UNCHANGED, BOTH_CHANGED = 10, 30, 50, 80, 60
_ENTRIES = """SELECT name, priority, expire_seconds, enabled FROM django_celery_beat_periodictask
    WHERE name LIKE 'Entry %%' ORDER BY name"""
#: Without what beat writes there.
_SAYS = """task.name, task.task, task.interval_id, task.crontab_id, task.args, task.kwargs, task.queue, task.priority,
    task.expire_seconds, task.enabled, task.description"""
_ALL = f"""SELECT {_SAYS}, CAST(entry.applied AS TEXT), policies.left_as FROM django_celery_beat_periodictask task
    LEFT JOIN tasks_timetableentry entry ON entry.periodic_task_id = task.id
    LEFT JOIN tasks_schedule policies ON policies.periodic_task_id = task.id
    WHERE task.name LIKE 'Entry %%' ORDER BY task.name"""  # noqa: S608  no input
_UNOWNED = f"SELECT {_SAYS} FROM django_celery_beat_periodictask task WHERE task.name = %s"  # noqa: S608  no input


@scenario("S4a", title="Two deploys at once while beat runs", load=LOAD)
def two_deploys_at_once(run: Run) -> Outcome:
    """Both apply the second release: some entries leave, are renamed, changed and new. Admins had edited some."""
    with _first_release(run) as (own, before):
        feeders = run.stack.feeders(2)
        calls = [feeder.begin(f"{_PRODUCT}.deploy", release=2, **_names(run)) for feeder in feeders]
        run.fault_ended()
        for call in calls:
            call.wait()
        for feeder in feeders:
            feeder.close()
        _expect_second_release(run)
        run.expect(run.database.rows(_UNOWNED, [own]) == before, "a row was touched that no entry owns")
    run.recovered()
    return run.outcome(seen="The second deploy waited for the first and changed nothing; the edits stayed.")


@scenario("S4b", title="A deploy is killed in the middle, three times", load=LOAD)
def deploy_killed_in_the_middle(run: Run) -> Outcome:
    """SIGKILL after its first write, in the middle, and before the commit; then one comes through."""
    with _first_release(run) as (own, before):
        former = run.database.rows(_ALL)
        for feeder, share in zip(run.stack.feeders(3), (0.01, 0.5, 1.0), strict=True):
            with suppress(FaultsError):  # it has ended, as it should
                went_on = feeder.call(f"{_PRODUCT}.deploy_cut", release=2, share=share, **_names(run))
                run.expect(went_on, f"the deploy was not killed at {share:.0%}")
            run.expect(run.database.rows(_ALL) == former, f"killed at {share:.0%}, it left something half done")
        run.fault_ended()
        run.stack.feeder.call(f"{_PRODUCT}.deploy", release=2, **_names(run))
        _expect_second_release(run)
        run.expect(run.database.rows(_UNOWNED, [own]) == before, "a row was touched that no entry owns")
    run.recovered()
    return run.outcome(seen="Each killed deploy left the former timetable; the next one was applied as a whole.")


def _names(run: Run) -> dict[str, str]:
    return {"tick": f"Tick of {run.ledger.label}", "scenario": run.ledger.label}


@contextmanager
def _first_release(run: Run) -> Iterator[tuple[str, list[Row]]]:
    """The first release is deployed and edited, and its tick runs. Yields the name of a row that no entry owns, and it.

    At the end the product's own timetable is back.
    """
    names = _names(run)
    own = f"Somebody's own of {run.ledger.label}"
    deploy, edit, call = f"{_PRODUCT}.deploy", f"{_PRODUCT}.edit", run.stack.feeder.call
    call(deploy, release=1, **names)
    call("schedule_start", name=own, scenario="quiet", seconds=3600, expire_seconds=EXPIRES)
    for number in (LEFT_OUT, RENAMED, CHANGED, UNCHANGED):
        call(edit, name=f"Entry {number:03}", expire_seconds=EXPIRES)
    call(edit, name=f"Entry {BOTH_CHANGED:03}", priority=HIGH)
    before = run.database.rows(_UNOWNED, [own])
    _wait_for_ticks(run, 3)
    yield own, before
    _wait_for_ticks(run, len(run.ledger.ticks()) + 3)
    run.ledger.schedule_noted(names["tick"])
    call("schedule_end", name=names["tick"])
    call(deploy, release=0, **names)
    for prefix in ("Entry ", own):
        call("faults.product.schedules.schedules_delete", prefix=prefix)


def _expect_second_release(run: Run) -> None:
    found = [(str(name), *rest, bool(enabled)) for name, *rest, enabled in run.database.rows(_ENTRIES)]
    expected = sorted(_second_release())
    wrong = [row for row in found if row not in expected] + [row for row in expected if row not in found]
    run.expect(not wrong, f"{len(wrong)} rows are not as the release and the edits say, first {wrong[:1]}")


def _second_release() -> Iterator[tuple[object, ...]]:
    """What has to be there in the end: name, priority, expiry, whether it is enabled."""
    yield f"Entry {LEFT_OUT:03}", NORMAL, EXPIRES, False
    for number in range(20, 120):
        name = f"Entry {number:03}{', renamed' if number < 40 else ''}"
        priority = HIGH if number == BOTH_CHANGED else LOW if 40 <= number < 70 else NORMAL
        yield name, priority, EXPIRES if number in {RENAMED, CHANGED, UNCHANGED} else None, True


def _wait_for_ticks(run: Run, count: int) -> None:
    run.wait_until(lambda: len(run.ledger.ticks()) >= count, what=f"{count} runs")
