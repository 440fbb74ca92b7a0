"""What rows of every app have in common, and the counters of the rate limits."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class BaseModel(models.Model):
    """When a row was written and last saved.

    ``update()`` on a queryset does not touch ``updated_at``: pass it where it matters.
    """

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class LeasedModel(models.Model):
    """A row that shall be worked on: when it is due, who holds it, until when, and how often it was tried.

    Only :mod:`styleguide_example.common.leases` changes these columns.
    """

    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it.")
    next_attempt_at = models.DateTimeField(
        null=True, blank=True, help_text="Due at this time. Empty: no further attempt will be made."
    )
    woken_at = models.DateTimeField(null=True, blank=True, help_text="When a wake-up message was last asked for.")
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_owner = models.CharField(max_length=255, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class RateLimit(models.Model):
    """How many attempts one client or address made in one window of time. Holds a keyed hash, not the address."""

    key = models.CharField(max_length=64)
    window_started_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["window_started_at", "key"], name="rate_limit_once_per_window")
        ]

    def __str__(self) -> str:
        return f"{self.count} since {self.window_started_at:%H:%M}"
