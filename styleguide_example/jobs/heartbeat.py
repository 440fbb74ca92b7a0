"""The sign of life of a running job: a thread beside the task that extends the lease while the process lives.

So a job may take hours, a killed worker is noticed in seconds, and a body that reports nothing is not taken for dead.
One that hangs is ended by its time limit.
"""

import os
import signal
import threading
import uuid

import structlog
from billiard.process import current_process
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Q
from django.db.models.functions import Now

from styleguide_example.common.leases import lease_extend
from styleguide_example.jobs.ending import TERMINATED, job_end
from styleguide_example.jobs.models import Job

logger = structlog.get_logger(__name__)


class Heartbeat:
    """Extends the lease of a job until it is stopped, lost, or the job is terminated."""

    def __init__(self, job_id: uuid.UUID, token: uuid.UUID) -> None:
        self._job_id = job_id
        self._token = token
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{job_id}", daemon=True)

    def start(self) -> None:
        """Begin. The first beat comes after ``JOB_HEARTBEAT_SECONDS``: a short job needs none, and no connection."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for a beat that is under way: the record after it must be the last word."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopped.wait(settings.JOB_HEARTBEAT_SECONDS):
                if not self._beat():
                    return
        finally:
            connection.close()

    def _beat(self) -> bool:
        rows = Job.objects.filter(pk=self._job_id)
        try:
            unasked = rows.filter(terminate_requested_at__isnull=True)
            if lease_extend(unasked, token=self._token, seconds=settings.JOB_LEASE_SECONDS, heartbeat_at=Now()):
                return True
            if rows.filter(lease_token=self._token, terminate_requested_at__isnull=False).exists():
                self._terminate()
        except (DatabaseError, InterfaceError):
            logger.exception(
                "job_heartbeat_missed", job_id=str(self._job_id), next="tries again until the lease is over"
            )
            return True
        return False

    def _terminate(self) -> None:
        """Record the end and kill this process; the pool puts another in its place."""
        job_end(self._job_id, when=Q(lease_token=self._token), ending=TERMINATED, heartbeat_at=Now())
        if current_process().daemon:  # a process of the pool, in which there is this one task
            os.kill(os.getpid(), signal.SIGKILL)
        logger.error(
            "job_not_killed", job_id=str(self._job_id), next="only a prefork pool can kill one of its processes"
        )
