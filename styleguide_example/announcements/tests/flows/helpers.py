"""Stand-ins for the supervisor and the beat of a deployment, and for a person who watches the bar all the time."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import psutil
from django.db import connection

from styleguide_example.announcements.models import Announcement
from styleguide_example.common.tests.processes import Broker, Process, Worker
from styleguide_example.common.wakeups import broker_pause_end
from styleguide_example.emails.tasks import email_sweep as email_sweep_task
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.tasks import job_sweep as job_sweep_task

#: What takes half a minute in production takes seconds here.
IMPATIENCE = {
    "JOB_LEASE_SECONDS": 2,
    "JOB_HEARTBEAT_SECONDS": 0.4,
    "JOB_PROGRESS_SECONDS": 0,
    "JOB_WAKE_AGAIN_SECONDS": 1,
    "EMAIL_SENDING_LEASE_SECONDS": 4,
    "EMAIL_SENDING_BACKOFF_SECONDS": 1,
    "EMAIL_SENDING_CONNECTIONS": 1,
    "EMAIL_SENDING_BURST_SECONDS": 1,
    "CELERY_TASK_SOFT_TIME_LIMIT_SECONDS": 60,
    "CELERY_TASK_TIME_LIMIT_SECONDS": 70,
}
WORKERS = 2
#: Processes of each worker, and so its SMTP connections.
CONCURRENCY = 2


class _Repeated:
    """Calls something again and again in a thread, until the block ends."""

    def __init__(self, call: Callable[[], None], *, every: float) -> None:
        self._call = call
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.errors: list[Exception] = []

    def _run(self) -> None:
        try:
            while not self._stopped.wait(self._every):
                self._call()
        except Exception as error:  # noqa: BLE001  looked at when the block ends
            self.errors.append(error)
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        assert not self.errors, self.errors


class Supervised:
    """Workers of which one that dies is replaced, and a sweep a second."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._worker.environment |= {name: str(value) for name, value in IMPATIENCE.items()}
        self._processes: list[Process] = []
        self._stack = contextlib.ExitStack()
        self.kills = 0

    def start(self, **settings: object) -> None:
        """Start them, and what keeps them up."""
        self._worker.environment |= {name: str(value) for name, value in settings.items()}
        with ThreadPoolExecutor(WORKERS) as pool:
            self._processes = list(pool.map(lambda _: self._worker.start(concurrency=CONCURRENCY), range(WORKERS)))
        self._stack.enter_context(_Repeated(self._replace_dead, every=0.1))
        self._stack.enter_context(_Repeated(self._beat, every=1))

    def kill_holder(self, job: Job) -> bool:
        """SIGKILL for the whole worker that holds the job. False: nobody holds it at this moment."""
        owner = Job.objects.values_list("lease_owner", flat=True).get(pk=job.pk)
        for process in list(self._processes):
            if owner and owner.rpartition(":")[0] in process.output:
                process.kill_group()
                self.kills += 1
                return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _replace_dead(self) -> None:
        for number, process in enumerate(self._processes):
            if not _is_alive(process):
                with contextlib.suppress(AssertionError):  # the broker is away: the next round tries again
                    self._processes[number] = self._worker.start(concurrency=CONCURRENCY)

    def _beat(self) -> None:
        broker_pause_end()
        job_sweep_task.wake()
        email_sweep_task.wake()


def _is_alive(process: Process) -> bool:
    try:
        return bool(psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Watch:
    """Looks at the account and the bar all the time; neither may ever go back."""

    def __init__(self, announcement: Announcement) -> None:
        self._announcement = announcement
        self.dealt_with: list[int] = [0]
        self.bars: dict[str, list[int]] = {}

    def look(self) -> None:
        row = Announcement.objects.select_related("job").get(pk=self._announcement.pk)
        self.dealt_with.append(row.dealt_with)
        if row.job is not None:
            self.bars.setdefault(str(row.job.pk), []).append(row.job.progress_current)

    @property
    def went_back(self) -> bool:
        """Whether anything did."""
        return any(seen != sorted(seen) for seen in (self.dealt_with, *self.bars.values()))


@contextmanager
def watched(announcement: Announcement) -> Iterator[Watch]:
    """Watch while the block runs."""
    watch = Watch(announcement)
    with _Repeated(watch.look, every=0.02):
        yield watch


def broker_restart(broker: Broker) -> None:
    """Kill the broker and start it again, if it is ours. One that is a service is restarted by a command.

    ``ANNOUNCEMENT_DRILL_BROKER_RESTART`` is that command, as in ``rabbitmqctl stop_app && rabbitmqctl start_app``.
    """
    command = os.environ.get("ANNOUNCEMENT_DRILL_BROKER_RESTART")
    if broker.process is None and command:
        subprocess.run(command, shell=True, check=True, capture_output=True)  # noqa: S602  given by who runs the test
        return
    with broker.down():
        broker_pause_end()
