"""What an entry of the timetable is: plain data, checked when it is written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.tasks.enums import MissedRuns, Overlap
from styleguide_example.tasks.timing import Cron, When

SECONDS_MAX = 10 * 366 * 24 * 3600
NAME_LENGTH_MAX = 200


def _task_itself(task: Any) -> WakeUpTask:
    """Return the task itself."""
    resolved: WakeUpTask = task._get_current_object() if hasattr(task, "_get_current_object") else task
    return resolved


def signature_check(task: WakeUpTask, kwargs: Mapping[str, Any]) -> None:
    """Check ``kwargs`` the way Celery checks a call.

    Raises:
        TypeError: for an argument that is missing or unknown.
    """
    declared: Any = task  # `__header__` is made by Celery's decorator, so no class declares it
    declared.__header__(**kwargs)


def queue_names() -> list[str]:
    """Return the queues that workers are told to take from: the default one, and those of ``CELERY_TASK_QUEUES``."""
    named = [queue.name for queue in getattr(settings, "CELERY_TASK_QUEUES", None) or ()]
    return list(dict.fromkeys([settings.CELERY_TASK_DEFAULT_QUEUE, *named]))


def queue_check(name: str | None) -> None:
    """Check that somebody takes from the queue; without a name it is the default one.

    Raises:
        ValueError: for a queue that would only fill up.
    """
    if name and name not in queue_names():
        raise ValueError(f"No queue is called {name!r}. There are {', '.join(queue_names())}; see CELERY_TASK_QUEUES.")


@dataclass(frozen=True)
class Entry:
    """One thing that runs by itself.

    Args:
        name: a human sentence; it is also the entry's identity.
        task: the task object, so that a task that is gone cannot be scheduled. Declared with ``schedulable=True``.
        when: :class:`~.timing.Cron` with its time zone, :class:`~.timing.Every` where a minute is too long, or
            :class:`~.timing.Once`.
        in_words: the English of ``when``.
        kwargs: checked against the task's signature.
        priority: by name; without one, the task's own. RESERVED is for the engine room.
        queue: by name; without one, the default queue.
        jitter_seconds: start up to so many seconds after the due time; how many is fixed for an entry and installation,
            so that a thousand installations do not ask one server at the same second.
        overlap: what happens at a due time while the last run still waits or runs.
        missed_runs: what happens to due times that no beat could fire, and
        grace_seconds: how late a missed run is still made up for; None is however late.
        expires_seconds: a run that waited longer for a worker is dropped, for the next one does its work.
        formerly: names that this entry had before; it takes over their schedule and history.

    Raises:
        ValueError: for anything that could not run as it stands. The message names the entry.
    """

    name: str
    task: WakeUpTask
    when: When
    in_words: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority | None = None
    queue: str | None = None
    enabled: bool = True
    jitter_seconds: int = 0
    overlap: Overlap = Overlap.ALLOW
    missed_runs: MissedRuns = MissedRuns.RUN_ONCE
    grace_seconds: int | None = None
    expires_seconds: int | None = None
    formerly: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # What `shared_task` returns looks for the app's task at each glance.
        object.__setattr__(self, "task", _task_itself(self.task))
        try:
            self._check()
        except ValueError as error:
            raise ValueError(f"{self.name!r}: {error}") from None

    def _check(self) -> None:
        if not 0 < len(self.name) <= NAME_LENGTH_MAX or self.name != self.name.strip():
            raise ValueError(f"a name has 1 to {NAME_LENGTH_MAX} characters, and no blanks around it.")
        if not self.task.schedulable:
            raise ValueError(f"{self.task.name} is not declared with schedulable=True.")
        self._check_kwargs()
        queue_check(self.queue)
        if self.priority is not None:
            self.task.priority_check(self.priority)
        if self.expires_seconds is not None and self.expires_seconds < 1:
            raise ValueError("expires_seconds is at least 1: a run that expires at once can never run.")
        for name in ("jitter_seconds", "grace_seconds", "expires_seconds"):
            self._check_seconds(name)
        if self.grace_seconds is not None and self.missed_runs is MissedRuns.SKIP:
            raise ValueError("grace_seconds says how late a missed run is made up for; here it is not.")

    def _check_seconds(self, name: str) -> None:
        seconds = getattr(self, name) or 0
        if seconds < 0:
            raise ValueError(f"{name} is not negative.")
        if seconds > SECONDS_MAX:
            raise ValueError(f"{name} is more than ten years, which is a typing mistake.")

    def _check_kwargs(self) -> None:
        try:
            signature_check(self.task, self.kwargs)
        except TypeError as error:
            raise ValueError(f"{self.task.name} cannot be called so: {error}.") from None
        try:
            json.dumps(dict(self.kwargs))
        except TypeError as error:
            raise ValueError(f"the arguments cannot be written as JSON: {error}.") from None

    @property
    def description(self) -> str:
        """What an admin reads beside the schedule."""
        link = self.when.link if isinstance(self.when, Cron) else ""
        return f"{self.in_words}. {link}".rstrip()
