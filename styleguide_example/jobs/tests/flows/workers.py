"""Real worker processes that know the tests' kinds, and what the flows wait for."""

import sys
import time
import uuid
from pathlib import Path
from typing import Any

from styleguide_example.common.tests.processes import Process, wait_until
from styleguide_example.jobs.enums import ACTIVE_STATES, ENDED_STATES, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tasks import job_sweep as job_sweep_task
from styleguide_example.jobs.tests.work import lines

_CELERY = [sys.executable, "-m", "celery", "-A", "styleguide_example.tasks.celery", "worker"]
_CELERY += ["--without-gossip", "--without-mingle", "--include=styleguide_example.jobs.tests.flows.worker_imports"]

#: What takes half a minute in production takes seconds here. But for the lease, which a worker that lives would lose on
#: a busy machine: a test in which one dies asks for a short one for that worker alone.
IMPATIENCE = {
    "JOB_LEASE_SECONDS": 30,
    "JOB_HEARTBEAT_SECONDS": 0.4,
    "JOB_PROGRESS_SECONDS": 0.1,
    "JOB_WAKE_AGAIN_SECONDS": 1,
}


class Workers:
    """Processes that share an environment and a file in which each body leaves its lines."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        self.path = directory / "lines"
        self.gate = directory / "gate"
        self._environment = {**environment, **{name: str(value) for name, value in IMPATIENCE.items()}}
        self._processes: list[Process] = []

    def start(self, *, concurrency: int = 1, **settings: object) -> Process:
        """Start one and return when it is ready. ``settings`` are environment variables."""
        names = [f"--concurrency={concurrency}", f"--hostname={uuid.uuid4().hex}@localhost"]
        changed = {name: str(value) for name, value in settings.items()}
        process = Process([*_CELERY, *names], {**self._environment, **changed})
        self._processes.append(process)
        process.wait_for_line("ready.")
        return process

    def stop(self) -> None:
        for process in self._processes:
            process.kill_group()

    def work(self, **asked: Any) -> dict[str, Any]:
        """The parameters of a job that leaves its lines in the file."""
        return {"path": str(self.path), **asked}

    def work_at_gate(self, **asked: Any) -> dict[str, Any]:
        """The parameters of one that waits until :meth:`open_gate`."""
        return self.work(gate=str(self.gate), **asked)

    def open_gate(self) -> None:
        self.gate.touch()

    def begun(self) -> list[str]:
        """The ids of the jobs whose bodies began, once for each time."""
        return [line.split()[0] for line in lines(self.path, "begun ")]

    def done(self) -> list[str]:
        """The ids of the jobs whose bodies came to their end."""
        return lines(self.path, "done ")

    def wait_for_begun(self, number: int = 1) -> None:
        """Return when bodies began so many times."""
        wait_until(lambda: len(self.begun()) >= number)


def wait_for_state(job: Job, state: JobState, timeout: float = 30) -> Job:
    """Return the job as soon as it is in ``state``."""
    wait_until(lambda: Job.objects.filter(pk=job.pk, state=state).exists(), timeout)
    job.refresh_from_db()
    return job


def sweep_until_ended(job: Job, timeout: float = 30) -> Job:
    """Return the job when it has ended, with a sweep a second meanwhile: beat in quick motion."""
    swept_at = 0.0

    def has_ended() -> bool:
        nonlocal swept_at
        if time.monotonic() - swept_at > 1:
            job_sweep_task.wake()
            swept_at = time.monotonic()
        return Job.objects.filter(pk=job.pk, state__in=ENDED_STATES).exists()

    wait_until(has_ended, timeout)
    job.refresh_from_db()
    return job


def are_all_ended() -> bool:
    """Whether no job waits or runs."""
    return not Job.objects.filter(state__in=ACTIVE_STATES).exists()
