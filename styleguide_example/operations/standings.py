"""What there is at this moment, counted with one query: what is due, who leads, who gets no more e-mail.

*Too old, or busy.* Many e-mails fall due at once and go out in order, so the last of them waits for long and all is
well. Something is wrong when one waits for long while none of its priority goes out, and no backlog is before it.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db.models import CharField, Count, F, Max, Min, QuerySet, Value
from django.db.models.functions import Cast, Now

from styleguide_example.core.enums import Priority
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email, Suppression
from styleguide_example.emails.selectors import emails_due
from styleguide_example.jobs.pauses import not_paused
from styleguide_example.jobs.selectors import jobs_due
from styleguide_example.tasks.models import BeatLeader

#: More queues than these are not told apart.
QUEUES_MAX = 20
LATELY = timedelta(minutes=1)


class Topic(StrEnum):
    """What can be asked for."""

    EMAILS = "emails"
    EMAILS_ENDED = "emails_ended"
    JOBS = "jobs"
    JOBS_PAUSED = "jobs_paused"
    BEAT = "beat"
    SUPPRESSIONS = "suppressions"
    SUPPRESSIONS_NEW = "suppressions_new"


@dataclass(frozen=True)
class Line:
    """What is due in one priority or one queue, and for how many seconds the oldest of it.

    Args:
        a_minute: how many of this priority went out or failed in the last minute, with those of the backlog before it.
        paused: how many more are due and wait until somebody resumes their queue or kind.
    """

    name: str
    count: int
    seconds: float
    a_minute: int = 0
    paused: int = 0

    @property
    def is_too_old(self) -> bool:
        """Whether somebody should look why no worker takes it."""
        return self._waits_long and not self.a_minute

    @property
    def is_busy(self) -> bool:
        """Whether the oldest waits for long because there is so much to do."""
        return self._waits_long and self.a_minute > 0

    @property
    def minutes_left(self) -> int:
        """In how many minutes all of it is done, at the pace of the last one."""
        return math.ceil(self.count / self.a_minute) if self.a_minute else 0

    @property
    def _waits_long(self) -> bool:
        return self.seconds > settings.OPERATIONS_DUE_TOO_OLD_SECONDS


@dataclass(frozen=True)
class Standings:
    """All of it. What was not asked for is empty.

    Args:
        emails: e-mails that are due, by priority, the most urgent first.
        jobs: jobs that are due, by queue. What is paused is not among them: it is counted apart.
        beat: the beat that leads; None: nobody does.
        suppressed: addresses that get no e-mail written to many, by reason.
        suppressed_new: how many of them since yesterday.
    """

    emails: list[Line]
    jobs: list[Line]
    beat: str | None
    suppressed: dict[str, int]
    suppressed_new: int


def standings_read(topics: Collection[Topic], *, now: datetime) -> Standings:
    """Return what is asked for, in one query; none for nothing."""
    found: dict[str, list[tuple[str, int, datetime]]] = {topic: [] for topic in Topic}
    for topic, name, count, moment in _rows([_asked(topic, now) for topic in topics]):
        found[topic].append((name, count, moment))
    return Standings(
        emails=_priorities(found[Topic.EMAILS], {int(name): n for name, n, _ in found[Topic.EMAILS_ENDED]}, now),
        jobs=_queues(
            [
                *(_line(name, n, oldest, now) for name, n, oldest in found[Topic.JOBS]),
                *(Line(name, 0, 0, paused=n) for name, n, _ in found[Topic.JOBS_PAUSED]),
            ]
        ),
        beat=next((name for name, *_ in found[Topic.BEAT]), None),
        suppressed={name: count for name, count, _ in sorted(found[Topic.SUPPRESSIONS])},
        suppressed_new=sum(count for _, count, _ in found[Topic.SUPPRESSIONS_NEW]),
    )


def _rows(queries: list[QuerySet[Any, Any]]) -> Iterable[Any]:
    return queries[0].union(*queries[1:], all=True) if queries else ()


def _asked(topic: Topic, now: datetime) -> QuerySet[Any, Any]:
    """Topic, name, count, moment: the same four columns for each, so that one query can ask for all."""
    if topic is Topic.EMAILS:
        return _counted(topic, emails_due(), Cast("priority", CharField()), Min("next_attempt_at"))
    if topic is Topic.EMAILS_ENDED:
        ended = Email.objects.filter(status__in=(EmailStatus.SENT, EmailStatus.FAILED), ended_at__gte=now - LATELY)
        return _counted(topic, ended, Cast("priority", CharField()), Max("ended_at"))
    if topic in {Topic.JOBS, Topic.JOBS_PAUSED}:
        going = not_paused(jobs_due())
        jobs = going if topic is Topic.JOBS else jobs_due().exclude(pk__in=going.values("pk"))
        return _counted(topic, jobs, F("queue"), Min("next_attempt_at"))
    if topic is Topic.BEAT:
        leading = BeatLeader.objects.filter(lease_expires_at__gt=Now())
        return _counted(topic, leading, F("lease_owner"), Max("lease_expires_at"))
    addresses = Suppression.objects.all()
    if topic is Topic.SUPPRESSIONS_NEW:
        addresses = addresses.filter(created_at__gte=now - timedelta(days=1))
    return _counted(topic, addresses, F("reason"), Max("created_at"))


def _counted(topic: Topic, rows: QuerySet[Any], label: Any, moment: Any) -> QuerySet[Any, Any]:
    columns = {"topic": Value(str(topic), CharField()), "label": label}
    named = rows.order_by().annotate(**columns).values_list(*columns)
    counted: QuerySet[Any, Any] = named.annotate(count=Count("pk"), moment=moment)
    return counted


def _line(name: str, count: int, oldest: datetime, now: datetime) -> Line:
    return Line(name=name, count=count, seconds=max((now - oldest).total_seconds(), 0))


def _priorities(due: Iterable[tuple[str, int, datetime]], ended: Mapping[int, int], now: datetime) -> list[Line]:
    """One line a priority, the most urgent first, in which order workers take them."""
    lines: list[Line] = []
    for name, count, oldest in sorted(due):
        before = lines[-1].a_minute if lines and lines[-1].is_busy else 0
        line = _line(_priority_name(int(name)), count, oldest, now)
        lines.append(replace(line, a_minute=ended.get(int(name), 0) + before))
    return lines


def _priority_name(number: int) -> str:
    names = {priority.value: priority.name.lower() for priority in Priority}
    return f"{number} {names.get(number, '')}".strip()


def _queues(lines: Iterable[Line]) -> list[Line]:
    """One line a queue (a job that names none is in the default one), those with the oldest first."""
    merged: dict[str, Line] = {}
    for line in lines:
        name = line.name or settings.CELERY_TASK_DEFAULT_QUEUE
        other = merged.get(name, Line(name, 0, 0))
        merged[name] = Line(
            name,
            count=line.count + other.count,
            seconds=max(line.seconds, other.seconds),
            paused=line.paused + other.paused,
        )
    return sorted(merged.values(), key=lambda line: (-line.seconds, line.name))[:QUEUES_MAX]
