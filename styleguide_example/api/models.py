"""The rows of the API: who may come in with which token, and what was answered to which Idempotency-Key."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class ApiToken(models.Model):
    """A client's right to act as a person until it expires or is revoked. Only the hash of the secret is kept.

    The secret is 32 random bytes, so plain SHA-256 is right: there is nothing to guess from. A slow hash is for what
    people choose, and would cost every request. Only :mod:`styleguide_example.api.tokens` writes these rows.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, help_text="What it is for, as in “nightly export”.")
    prefix = models.CharField(max_length=16, editable=False, help_text="How the secret begins.")
    digest = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256, in hex
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(
        null=True, blank=True, help_text="To the minute for calls that change something, to the hour for others."
    )

    class Meta:
        verbose_name = "API token"
        indexes: ClassVar = [
            models.Index(fields=["prefix"], name="api_token_prefix"),
            models.Index(fields=["expires_at"], name="api_token_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_valid(self) -> bool:
        """Whether it has neither expired nor been revoked."""
        return self.revoked_at is None and self.expires_at > timezone.now()


class IdempotentRequest(models.Model):
    """What was answered to a person's POST with an Idempotency-Key; committed together with what the POST wrote."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of method, address and body, in hex
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "key"], name="idempotent_request_once")]

    def __str__(self) -> str:
        return f"{self.status} to {self.key}"
