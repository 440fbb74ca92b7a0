"""How work is dispatched: every option of a call in one place, checked where it is written."""

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from styleguide_example.core.enums import Priority
from styleguide_example.jobs.enums import AtOnce, OnDuplicate, Outcome
from styleguide_example.jobs.kinds import JobKind
from styleguide_example.jobs.models import Job

SECONDS_MAX = 366 * 24 * 3600


@dataclass(frozen=True)
class Once:
    """While one call with a key is active, a second one is a duplicate.

    Args:
        keys: the arguments that make up the key; none named, it is all of them.
        timeout_seconds: a call that was not begun within that time blocks no other: it ends REVOKED. (One that runs
            is bounded by its time limit, and one whose worker died by its lease.)
        on_duplicate: refuse it, or skip it and say so.
    """

    keys: tuple[str, ...] = ()
    timeout_seconds: int | None = None
    on_duplicate: OnDuplicate = OnDuplicate.REFUSE


@dataclass(frozen=True)
class Options:
    """How a call is dispatched.

    Args:
        priority: by name; without one it is the kind's or the task's own. RESERVED is for the engine room.
        queue: by name; without one it is the kind's, or the default queue.
        delay_seconds: begin so much later. However far away, it waits in the database and not in the broker.
        jitter_seconds: and up to so much later, at random, so that what machines start together does not begin
            together; None is ``JOB_JITTER_SECONDS``. Never where a person waits, and never in DEBUG.
        person_waits: somebody sits at a screen. None: the call has an owner.
        timeout_seconds: how long one attempt may run; None is the kind's, or the limit of every task.
        once: no second one while the first is active.
        debounce_seconds: begin so long after the last call with the same arguments (those that ``once`` names): each
            call takes the place of the former one that has not begun.

    Raises:
        ValueError: for what could not work. The message says what to write instead.
    """

    priority: Priority | None = None
    queue: str | None = None
    delay_seconds: float = 0
    jitter_seconds: float | None = None
    person_waits: bool | None = None
    timeout_seconds: int | None = None
    once: Once | None = None
    debounce_seconds: float = 0

    def __post_init__(self) -> None:
        if self.priority is not None:
            Priority.check(self.priority)
        if self.priority == Priority.RESERVED:
            raise ValueError(
                "Priority 0 is reserved for the engine room: the first that others may ask for is HIGHEST."
            )
        if self.queue and self.queue not in queue_names():
            raise ValueError(f"No worker takes from {self.queue!r}. There are {', '.join(queue_names())}.")
        for name in ("delay_seconds", "jitter_seconds", "debounce_seconds"):
            _check_seconds(name, getattr(self, name), at_least=0)
        _check_seconds("timeout_seconds", self.timeout_seconds, at_least=1)
        _check_seconds("once.timeout_seconds", self.once.timeout_seconds if self.once else None, at_least=1)
        if self.debounce_seconds and self.delay_seconds:
            raise ValueError("debounce_seconds is the delay: leave delay_seconds away.")

    def wait_seconds(self, *, has_owner: bool) -> float:
        """Return after how many seconds the call begins; a jitter makes it another number each time."""
        if self.debounce_seconds:
            return self.debounce_seconds
        person_waits = has_owner if self.person_waits is None else self.person_waits
        if person_waits or settings.DEBUG:
            return self.delay_seconds
        jitter = settings.JOB_JITTER_SECONDS if self.jitter_seconds is None else self.jitter_seconds
        return self.delay_seconds + random.uniform(0, jitter)  # noqa: S311  it spreads load and guards nothing


def _check_seconds(name: str, seconds: float | None, *, at_least: int) -> None:
    if seconds is not None and not at_least <= seconds <= SECONDS_MAX:
        raise ValueError(f"{name} is {seconds}: it must be between {at_least} and a year.")


@dataclass(frozen=True)
class Dispatched:
    """What became of a call. SKIPPED: ``job`` is the active one, and nothing was written."""

    job: Job
    outcome: Outcome


@dataclass(frozen=True)
class Step:
    """One step of a chain."""

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def queue_names() -> list[str]:
    """Return the queues that workers are told to take from: the default one, and those of ``CELERY_TASK_QUEUES``."""
    named = [queue.name for queue in getattr(settings, "CELERY_TASK_QUEUES", None) or ()]
    return list(dict.fromkeys([settings.CELERY_TASK_DEFAULT_QUEUE, *named]))


def kind_key(kind: JobKind, *, parameters: Mapping[str, Any], owner_id: Any) -> str | None:
    """Return the key of which a job of this kind may be active once, or None where many may.

    Without an owner there is one for the system.
    """
    if kind.at_once is AtOnce.ONE:
        return kind.name
    if kind.at_once is AtOnce.ONE_PER_OWNER:
        return f"{kind.name}:owner:{owner_id or 'system'}"
    if kind.at_once is AtOnce.ONE_PER_KEY:
        optional = dict.fromkeys(kind.key)  # a parameter that may be left away is None in the key
        return call_key(kind.name, parameters={**optional, **parameters}, keys=kind.key)
    return None


def call_key(name: str, *, parameters: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Return the key of a call: its name and a digest of the arguments in ``keys``, or of all.

    Raises:
        ValueError: when ``keys`` names what is no argument of the call.
    """
    if missing := [key for key in keys if key not in parameters]:
        raise ValueError(f"The key of {name} names {', '.join(missing)}, which is not among the arguments.")
    chosen = {key: parameters[key] for key in keys} if keys else dict(parameters)
    digest = hashlib.sha256(json.dumps([name, chosen], sort_keys=True).encode()).hexdigest()
    return f"{name[:150]}:{digest}"
