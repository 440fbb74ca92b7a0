"""What ``schedules next`` says: the due times that come, in lines for a person and in plain values for a program."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from textwrap import wrap
from typing import Any

from styleguide_example.tasks.selectors import Schedule, due_next
from styleguide_example.tasks.words import distance_in_words, moment_in_words

#: More due times of one schedule are counted no further.
COUNTED_MAX = 10_000
_WIDTH = 80
_FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Coming:
    """A schedule and when it is due; ``more`` due times within the time asked about are not among them.

    ``note`` says why it will not run although it may be due: it is disabled, its queue is paused, it cannot be fired.
    """

    schedule: Schedule
    due: Sequence[datetime]
    more: int = 0
    note: str = ""

    @property
    def sort_key(self) -> tuple[datetime, str]:
        """Those that are due first come first, and those that are not, last."""
        return (self.due[0] if self.due else _FAR, self.schedule.name)


def coming(schedule: Schedule, *, count: int, until: datetime | None, paused: Collection[str], default: str) -> Coming:
    """Return the next ``count`` due times of ``schedule``, of those ``until`` then. No query.

    Args:
        paused: the queues that are.
        default: the queue of a schedule that names none.
    """
    times = list(islice(_due(schedule, until), count if until is None else COUNTED_MAX))
    queue = schedule.row.queue or default
    note = _note(schedule) or (f"its queue {queue} is paused" if queue in paused else "")
    return Coming(schedule, times[:count], more=len(times) - len(times[:count]), note=note)


def coming_json(item: Coming) -> dict[str, Any]:
    """Return it in plain values. Moments are ISO 8601, in UTC."""
    schedule = item.schedule
    return {
        "id": schedule.row.pk,
        "name": schedule.name,
        "task": schedule.row.task,
        "timing": schedule.in_words,
        "time_zone": schedule.zone.key if schedule.zone else None,
        "enabled": schedule.enabled,
        "is_overdue": schedule.is_overdue,
        "note": item.note,
        "due": [at.astimezone(UTC).isoformat() for at in item.due],
        "more": item.more,
    }


def coming_lines(item: Coming) -> Iterator[str]:
    """Yield its name, its timing, and its due times on its own clock."""
    yield item.schedule.name
    yield from _indented(item.schedule.in_words)
    if item.schedule.is_overdue:
        yield from _indented("! overdue: manage.py doctor says more")
    if item.note:
        yield from _indented(f"- {item.note}")
    now = item.schedule.now
    for at in item.due:
        local = at.astimezone(item.schedule.zone or UTC)
        yield f"    {moment_in_words(local)} {local:%Z}, {distance_in_words(at, now=now)}"
    if item.more:
        yield f"    and {item.more:,} more{' at least' if len(item.due) + item.more == COUNTED_MAX else ''}"


def _due(schedule: Schedule, until: datetime | None) -> Iterator[datetime]:
    if not schedule.enabled or schedule.when is None or schedule.problem:
        return
    after: datetime | None = schedule.now
    while after is not None and (after := due_next(schedule.row, schedule.when, after=after)) is not None:
        if until is not None and after > until:
            return
        yield after


def _note(schedule: Schedule) -> str:
    if not schedule.enabled:
        policies = getattr(schedule.row, "policies", None)
        until = policies.disabled_until if policies else None
        why = f": {policies.disabled_reason}" if policies and policies.disabled_reason else ""
        return f"disabled{f' until {moment_in_words(until.astimezone(UTC))} UTC' if until else ''}{why}"
    return schedule.problem


def _indented(text: str) -> Iterator[str]:
    yield from (f"  {line}" for line in wrap(text, _WIDTH - 2, break_long_words=False))
