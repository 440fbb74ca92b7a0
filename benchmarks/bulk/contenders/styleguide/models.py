"""The row of an e-mail."""

from django.db import models
from django.utils import timezone


class Email(models.Model):
    """One e-mail, as a project of the styleguide keeps it."""

    class Status(models.TextChoices):
        READY = "READY", "Ready"
        SENDING = "SENDING", "Sending"
        SENT = "SENT", "Sent"
        FAILED = "FAILED", "Failed"

    created_at = models.DateTimeField(db_index=True, default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    status = models.CharField(max_length=255, db_index=True, choices=Status.choices, default=Status.READY)
    to = models.EmailField()
    subject = models.CharField(max_length=255)
    html = models.TextField()
    plain_text = models.TextField()
    sent_at = models.DateTimeField(blank=True, null=True)

    class Meta:
        app_label = "styleguide"

    def __str__(self) -> str:
        return f"E-mail {self.pk}"
