"""Two releases of a timetable, what admins edit in between, and deploys of it that are cut off."""

import os
import signal
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django_celery_beat.models import PeriodicTask

from faults.product.tasks import tick as tick_task
from styleguide_example.core.enums import Priority
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Every

#: Entries of each release by number: 0 to 99 in the first, of which the second leaves 20 out and renames 20, and in 30
#: of which it changes the priority; 20 are new in it.
FIRST, SECOND = range(100), range(20, 120)
RENAMED, CHANGED = range(20, 40), range(40, 70)
_WRITES = ("INSERT", "UPDATE", "DELETE")


def name_in(release: int, number: int) -> str:
    """The name of an entry."""
    return f"Entry {number:03}{', renamed' if release == 2 and number in RENAMED else ''}"


def entries(release: int, *, tick: str, scenario: str) -> Sequence[Entry]:
    """The product's own entries, one that is due every second, and those of this release."""
    made = [
        Entry(
            name=name_in(release, number),
            task=tick_task,
            when=Every(timedelta(hours=1)),
            in_words="Every hour",
            kwargs={"scenario": "quiet"},
            formerly=(name_in(1, number),) if release == 2 and number in RENAMED else (),
            priority=Priority.LOW if release == 2 and number in CHANGED else None,
        )
        for number in (FIRST if release == 1 else SECOND)
    ]
    every_second = Entry(
        name=tick,
        task=tick_task,
        when=Every(timedelta(seconds=1)),
        in_words="Every second",
        kwargs={"scenario": scenario},
    )
    return [*TIMETABLE, every_second, *made]


def deploy(*, release: int, tick: str, scenario: str) -> None:
    """What ``setup_periodic_tasks`` does, with the timetable of this release; 0 is the product's own."""
    periodic_tasks_sync(entries=entries(release, tick=tick, scenario=scenario) if release else TIMETABLE)


def deploy_cut(*, release: int, tick: str, scenario: str, share: float) -> None:
    """The same, and SIGKILL by its own hand after this share of what it writes. Does not return."""
    writes = _writes(lambda: deploy(release=release, tick=tick, scenario=scenario))
    done = 0

    def count(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal done
        result = execute(sql, *rest)
        done += sql.startswith(_WRITES)
        if done >= writes * share:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    with connection.execute_wrapper(count):
        deploy(release=release, tick=tick, scenario=scenario)


def _writes(work: Callable[[], None]) -> int:
    """How many statements that write it has; all of it is rolled back."""
    done = 0

    def count(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal done
        done += sql.startswith(_WRITES)
        return execute(sql, *rest)

    with transaction.atomic(), connection.execute_wrapper(count):
        work()
        transaction.set_rollback(True)
    return done


def edit(*, name: str, **columns: Any) -> None:
    """Save what an admin changed."""
    row = PeriodicTask.objects.get(name=name)
    for column, value in columns.items():
        setattr(row, column, value)
    row.save()
