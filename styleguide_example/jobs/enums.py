"""The words of a job's life. The states are Celery's own."""

from enum import StrEnum

from celery import states
from django.db import models
from django.utils.translation import gettext_lazy as _


class JobState(models.TextChoices):
    """Where a job is in its life (docs/jobs.md draws it).

    https://docs.celeryq.dev/en/stable/userguide/tasks.html#built-in-states
    """

    PENDING = states.PENDING, _("Waiting")  # written; not begun
    STARTED = states.STARTED, _("Running")
    PROGRESS = "PROGRESS", _("Running")  # the same, and it said how far it is
    RETRY = states.RETRY, _("Waiting for another try")
    SUCCESS = states.SUCCESS, _("Done")
    FAILURE = states.FAILURE, _("Failed")
    REVOKED = states.REVOKED, _("Cancelled")


#: Nobody works on it yet.
WAITING_STATES = (JobState.PENDING, JobState.RETRY)
#: A worker holds it.
RUNNING_STATES = (JobState.STARTED, JobState.PROGRESS)
#: It holds its ``once_key``: another one with that key is refused.
ACTIVE_STATES = (*WAITING_STATES, *RUNNING_STATES)
ENDED_STATES = (JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED)


class AtOnce(StrEnum):
    """How many jobs of a kind may be active at once."""

    ANY = "any"
    ONE = "one"
    ONE_PER_OWNER = "one_per_owner"
    ONE_PER_KEY = "one_per_key"  # of the parameters that the kind names


class OnDuplicate(StrEnum):
    """What becomes of a call while another one with its key is active."""

    REFUSE = "refuse"  # an error that names the active one
    SKIP = "skip"  # nothing is written, and the outcome says so


class Outcome(StrEnum):
    """What became of a call. It is never silent."""

    QUEUED = "queued"
    SKIPPED = "skipped"  # another one with its key is active: that one is returned
    DEBOUNCED = "debounced"  # it took the place of the former call, which had not begun


class ErrorCode(models.TextChoices):
    """Why a job did not succeed, for programs. A body adds its own with ``JobFailedError(code=...)``."""

    FAILED = "failed", _("Something went wrong")
    WORKER_LOST = "worker_lost", _("Its worker was killed or cut off")
    TIMEOUT = "timeout", _("It took longer than it may")
    CANCELLED = "cancelled", _("Somebody cancelled it")
    TERMINATED = "terminated", _("Staff terminated it")
    EXPIRED = "expired", _("It was not begun in time")
    PURGED = "purged", _("Staff emptied its queue")
    RESULT_TOO_LARGE = "result_too_large", _("Its result is too large to keep")
    PARTIAL_FAILURE = "partial_failure", _("Some of its parts failed")


class ControlAction(models.TextChoices):
    """What staff did to many jobs at once, or to one by force."""

    PAUSE = "pause", "Paused"
    RESUME = "resume", "Resumed"
    PURGE = "purge", "Purged"
    TERMINATE = "terminate", "Terminated"


class Scope(models.TextChoices):
    """What a pause or a purge is about."""

    QUEUE = "queue", "Queue"
    KIND = "kind", "Kind"
