"""Real ``celery beat`` processes and a worker, and what they did, counted in rows and in bodies that ran."""

import json
import sys
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.processes import Process, wait_until
from styleguide_example.tasks import services
from styleguide_example.tasks.enums import OPEN_STATES, RunState
from styleguide_example.tasks.models import BeatLeader, ScheduleRun
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timing import Every, due_times

# A name alone: this process has the database of the test, not the task.
TICK = "tests.tick"
_CELERY = [sys.executable, "-m", "celery", "-A", "styleguide_example.tasks.tests.flows.counting_app"]
SECOND = timedelta(seconds=1)


class Beats:
    """Processes that share an environment, and a file in which each body that ran left a line."""

    def __init__(self, environment: dict[str, str], file: Path) -> None:
        self._environment = environment
        self._file = file
        self._processes: list[Process] = []

    def beat_start(self) -> Process:
        """Start one; it leads, or stands by."""
        return self._start("beat", "--pidfile=", ready="beat: Starting...")

    def worker_start(self) -> Process:
        """Start one and return when it is ready."""
        name = f"--hostname={uuid.uuid4().hex}@localhost"  # RabbitMQ lets only one of a name in
        options = ["--concurrency=1", "--without-gossip", "--without-mingle", name]
        return self._start("worker", *options, ready="ready.")

    def stop(self) -> None:
        """End all of them: beats first, so that nothing more becomes due."""
        for process in reversed(self._processes):
            process.stop()

    def kill(self) -> None:
        """End all of them without asking: those that wait for what does not come."""
        for process in self._processes:
            process.kill_group()

    def schedule(self, **columns: Any) -> PeriodicTask:
        """A schedule that runs every second."""
        kwargs = json.dumps({"path": str(self._file)})
        saved_at = columns.pop("saved_at", datetime.now().astimezone())
        return schedule_make("Tick", Every(SECOND), task=TICK, kwargs=kwargs, saved_at=saved_at, **columns)

    def bodies(self) -> list[str]:
        """The ids of the runs whose body ran, once for each time."""
        return self._file.read_text().split() if self._file.exists() else []

    def _start(self, command: str, *options: str, ready: str) -> Process:
        process = Process([*_CELERY, command, *options], self._environment)
        self._processes.append(process)
        process.wait_for_line(ready)
        return process


def leads(process: Process) -> bool:
    """Whether this process leads by what the database says."""
    return BeatLeader.objects.filter(lease_owner__endswith=f":{process.pid}").exists()


def wait_for_runs(row: PeriodicTask, *, number: int, after: datetime | None = None, timeout: float = 20) -> None:
    """Return when so many due times, later than ``after``, have a run."""
    rows = ScheduleRun.objects.filter(periodic_task=row)
    wait_until(lambda: (rows.filter(due_at__gt=after) if after else rows).count() >= number, timeout=timeout)


def last_due(row: PeriodicTask) -> datetime:
    """The latest due time that has a run."""
    return ScheduleRun.objects.filter(periodic_task=row).latest("due_at").due_at


def wait_for_the_end(row: PeriodicTask) -> None:
    """Let nothing more become due, and return when no run waits or runs. Needs a beat, which sweeps after a minute."""
    services.schedule_disable(periodic_task=row)
    is_open = ScheduleRun.objects.filter(periodic_task=row, state__in=OPEN_STATES).exists
    wait_until(lambda: not is_open(), timeout=90)


def due_and_not_written(row: PeriodicTask) -> list[datetime]:
    """The due times between the first run and the last that have no run: lost."""
    written = list(ScheduleRun.objects.filter(periodic_task=row).order_by("due_at").values_list("due_at", flat=True))
    expected = due_times(Every(SECOND), after=written[0] - SECOND, until=written[-1])
    return sorted(set(expected) ^ set(written))


def runs_succeeded(row: PeriodicTask) -> list[str]:
    """The ids of the runs that ended well, sorted."""
    succeeded = ScheduleRun.objects.filter(periodic_task=row, state=RunState.SUCCESS)
    return sorted(str(key) for key in succeeded.values_list("pk", flat=True))


def time_pass(*, seconds: float) -> None:
    """Return so much later: some due times of a clock that nobody can hurry."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)
