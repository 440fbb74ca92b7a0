"""The rows of jobs: the job itself, what comes after it, and what staff paused or did."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from styleguide_example.common.models import BaseModel, LeasedModel
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.amounts import number_words
from styleguide_example.jobs.enums import (
    ACTIVE_STATES,
    ENDED_STATES,
    RUNNING_STATES,
    ControlAction,
    ErrorCode,
    JobState,
    Scope,
)

KIND_LENGTH_MAX = 255
KEY_LENGTH_MAX = 255
MESSAGE_LENGTH_MAX = 500
#: Nobody is told a rate that was measured over less: how it began would be promised for the whole.
RATE_AFTER_SECONDS = 2
#: And of a batch, over fewer parts.
BATCH_MEASURES_MIN = 2


class Job(BaseModel, LeasedModel):
    """Work that somebody started and can follow. Its key is the id of the Celery task, known before the commit.

    Only the services of this app write it. Times are the database's.
    """

    State = JobState

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # What
    kind = models.CharField(max_length=KIND_LENGTH_MAX, help_text="Of a task that is no kind, the task's name.")
    task = models.CharField(max_length=255, editable=False, help_text="The Celery task that does the work.")
    parameters = models.JSONField(default=dict, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # How
    queue = models.CharField(max_length=200, blank=True, help_text="Empty: the default queue.")
    priority = models.PositiveSmallIntegerField(choices=[(p.value, p.name.capitalize()) for p in Priority], default=5)
    timeout_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="How long it may run. Empty: as long as any task."
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Not begun any more after this.")
    once_key = models.CharField(max_length=KEY_LENGTH_MAX, null=True, blank=True)  # noqa: DJ001  unique, so absent must be NULL
    debounce_key = models.CharField(max_length=KEY_LENGTH_MAX, null=True, blank=True)  # noqa: DJ001  the same
    # How far
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.PENDING)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Kept when the lease is gone. A worker of the former release writes neither.
    worker = models.CharField(
        max_length=255, blank=True, editable=False, db_default="", help_text="The node that took it last."
    )
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When that node took it.")
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="When its worker last showed to be alive.")
    progress_current = models.PositiveBigIntegerField(default=0)
    progress_total = models.PositiveBigIntegerField(null=True, blank=True)
    progress_message = models.CharField(max_length=MESSAGE_LENGTH_MAX, blank=True)
    progress_rate = models.FloatField(null=True, blank=True, help_text="Steps a second.")
    progress_at = models.DateTimeField(null=True, blank=True)
    # What came of it
    result = models.JSONField(null=True, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.CharField(max_length=MESSAGE_LENGTH_MAX, blank=True, help_text="Its owner may read it.")
    traceback = models.TextField(blank=True, help_text="For staff alone.")
    # Who stopped it
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    terminate_requested_at = models.DateTimeField(null=True, blank=True)
    # Of what it is a part
    retry_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="retries", db_index=False
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children", db_index=False
    )
    is_batch = models.BooleanField(default=False, help_text="It is the sum of its children; no worker runs it.")
    children_total = models.PositiveIntegerField(default=0)
    children_done = models.PositiveIntegerField(default=0)
    children_failed = models.PositiveIntegerField(default=0)
    children_cancelled = models.PositiveIntegerField(default=0)
    part_number = models.PositiveIntegerField(default=0, help_text="The first part of a batch is 1.")
    chain_id = models.UUIDField(null=True, blank=True, editable=False)
    chain_position = models.PositiveSmallIntegerField(default=0, help_text="The first step of a chain is 1.")

    class Meta:
        permissions: ClassVar = [
            ("terminate_job", "Can kill a running job's process"),
            ("control_jobs", "Can pause, resume and purge queues and kinds"),
        ]
        # Partial indexes: of ten million rows only those that are active are in the first, and only the few of them
        # that a sweep asks for in the three after it. Their conditions are about NULL: SQLite proves no other ones, for
        # the values that Django binds are not known when it plans
        # (https://www.sqlite.org/partialindex.html#queries_using_partial_indexes).
        indexes: ClassVar = [
            models.Index(
                fields=["priority", "next_attempt_at"],
                condition=Q(finished_at__isnull=True, lease_token__isnull=True),
                name="job_due",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, started_at__isnull=True, finished_at__isnull=True),
                name="job_expiring",
            ),
            models.Index(
                fields=["cancel_requested_at"],
                condition=Q(cancel_requested_at__isnull=False, finished_at__isnull=True),
                name="job_stopping",
            ),
            models.Index(
                fields=["parent"],
                condition=Q(parent__isnull=False, next_attempt_at__isnull=False, finished_at__isnull=True),
                name="job_window",
            ),
            models.Index(
                fields=["parent", "updated_at"],
                condition=Q(parent__isnull=False, next_attempt_at__isnull=True, finished_at__isnull=True),
                name="job_closed",
            ),
            models.Index(fields=["lease_expires_at"], condition=Q(lease_token__isnull=False), name="job_leased"),
            models.Index(
                fields=["owner", "-created_at"],
                condition=Q(owner__isnull=False, parent__isnull=True),
                name="job_owner",
            ),
            models.Index(fields=["parent", "state"], condition=Q(parent__isnull=False), name="job_children"),
            models.Index(fields=["retry_of"], condition=Q(retry_of__isnull=False), name="job_retried"),
            models.Index(fields=["chain_id", "chain_position"], condition=Q(chain_id__isnull=False), name="job_chain"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="job_finished"),
            models.Index(fields=["-created_at"], name="job_created"),
            models.Index(fields=["kind", "-created_at"], name="job_kind"),
            models.Index(fields=["-finished_at"], condition=Q(state=JobState.FAILURE), name="job_failed"),
            models.Index(fields=["id"], condition=Q(is_batch=True, finished_at__isnull=True), name="job_batch_active"),
        ]
        constraints: ClassVar = [
            # One at a time is this index, not a lock: no crash can leave it behind (docs/decisions/0008).
            models.UniqueConstraint(
                fields=["once_key"],
                condition=Q(once_key__isnull=False, finished_at__isnull=True),
                name="job_once_key_unique",
            ),
            # Debounced calls share the one job that has not begun.
            models.UniqueConstraint(
                fields=["debounce_key"],
                condition=Q(debounce_key__isnull=False, started_at__isnull=True, finished_at__isnull=True),
                name="job_debounce_key_unique",
            ),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            models.CheckConstraint(
                condition=Q(lease_token__isnull=True) | Q(state__in=RUNNING_STATES), name="job_leased_is_running"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ACTIVE_STATES, finished_at__isnull=True)
                | Q(state__in=ENDED_STATES, finished_at__isnull=False),
                name="job_ended_has_finished_at",
            ),
        ]

    def __str__(self) -> str:
        return f"Job {self.pk} ({self.kind}, {self.get_state_display()})"

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ACTIVE_STATES

    @property
    def is_running(self) -> bool:
        """Whether a worker holds it."""
        return self.state in RUNNING_STATES

    @property
    def is_cancel_requested(self) -> bool:
        """Whether somebody asked for it to stop, and it has not ended yet."""
        return self.cancel_requested_at is not None and self.is_active

    @property
    def rate(self) -> float | None:
        """Steps a second, of one that runs; None before enough was measured. Of a batch, the mean since it began."""
        if not self.is_running:
            return None
        if not self.is_batch:
            return self.progress_rate
        if self.started_at is None or self.progress_at is None or self.progress_current < BATCH_MEASURES_MIN:
            return None
        seconds = (self.progress_at - self.started_at).total_seconds()
        return self.progress_current / seconds if seconds >= RATE_AFTER_SECONDS else None

    @property
    def seconds_left(self) -> float | None:
        """How long it will take from now on at that rate; None when nobody can know."""
        rate = self.rate
        if not self.progress_total or not rate or self.progress_at is None:
            return None
        steps = max(self.progress_total - self.progress_current, 0)
        return max(steps / rate - (timezone.now() - self.progress_at).total_seconds(), 0)

    @property
    def error_title(self) -> str:
        """What the error code says in words."""
        return str(ErrorCode(self.error_code).label) if self.error_code in ErrorCode.values else self.error_code

    @property
    def error_text(self) -> str:
        """What went wrong: our own sentences in the language of whoever reads it, a body's as it wrote them."""
        if self.is_batch and self.error_code == ErrorCode.PARTIAL_FAILURE:
            return gettext("%(failed)s of %(total)s parts failed.") % {
                "failed": number_words(self.children_failed),
                "total": number_words(self.children_total),
            }
        return gettext(self.error_message) if self.error_message else ""


class JobContinuation(models.Model):
    """The steps of a chain that begin when ``after`` succeeds. A step's own row is written then."""

    after = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="continuations")
    steps = models.JSONField(help_text="Kind, parameters and options of each step, in order.")
    position = models.PositiveSmallIntegerField(help_text="Of the first of the steps.")
    is_after_twin = models.BooleanField(
        default=False, help_text="Another job does what the first of the steps would: it runs only if that one fails."
    )
    chain_id = models.UUIDField(db_index=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    priority = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{len(self.steps)} steps after job {self.after_id}"


class Pause(models.Model):
    """Nothing of this queue or kind is begun until the row is gone. What runs goes on."""

    scope = models.CharField(max_length=16, choices=Scope.choices)
    name = models.CharField(max_length=KIND_LENGTH_MAX)
    reason = models.CharField(max_length=255, blank=True)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    paused_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["scope", "name"], name="pause_once")]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} {self.name} is paused"


class ControlEntry(models.Model):
    """What staff did to a queue, a kind or a job by force: who, when, to what, how many."""

    action = models.CharField(max_length=16, choices=ControlAction.choices)
    target = models.CharField(max_length=300, help_text='As in "queue celery" or "kind export".')
    count = models.PositiveIntegerField(default=0, help_text="How many jobs it ended, or let go on.")
    reason = models.CharField(max_length=255, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    done_at = models.DateTimeField()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        ordering: ClassVar = ["-done_at"]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.target}"
