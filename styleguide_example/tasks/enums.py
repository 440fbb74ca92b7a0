"""The words of schedules: what an entry may ask for, what became of a run, what the sync did."""

from django.db import models


class Overlap(models.TextChoices):
    """What happens at a due time while the entry's last run has not ended."""

    ALLOW = "allow", "start it beside the one that runs"
    SKIP = "skip", "skip it while one waits or runs"


class MissedRuns(models.TextChoices):
    """What happens to due times that passed while no beat could fire them."""

    RUN_ONCE = "run_once", "run once for all of them"
    SKIP = "skip", "skip them"


class RunTrigger(models.TextChoices):
    """Who asked for a run."""

    SCHEDULE = "schedule", "the schedule"
    PERSON = "person", "a person"


class RunState(models.TextChoices):
    """What became of a due time. The first three are open, the others are its end."""

    WAITING = "waiting", "waiting for a worker"
    RUNNING = "running", "running"
    RETRY = "retry", "waiting to be tried again"
    SUCCESS = "success", "succeeded"
    FAILURE = "failure", "failed"
    SKIPPED = "skipped", "skipped: the last run was still going"
    MISSED = "missed", "missed: no beat could fire it in time"
    EXPIRED = "expired", "expired: it waited too long for a worker"
    LOST = "lost", "lost: its worker was killed or cut off"


#: A run in one of these holds back the next one of an entry with ``Overlap.SKIP``.
OPEN_STATES = (RunState.WAITING, RunState.RUNNING, RunState.RETRY)


class SyncAction(models.TextChoices):
    """What the sync does with one schedule."""

    CREATED = "created", "created"
    CHANGED = "changed", "changed"
    DISABLED = "disabled", "disabled"
    DELETED = "deleted", "deleted"
    UNCHANGED = "unchanged", "unchanged"


class OnConflict(models.TextChoices):
    """Who wins where code and an admin changed the same field since the last deploy."""

    ADMIN = "admin", "the admin's edit stays"
    CODE = "code", "the code's value is taken"
