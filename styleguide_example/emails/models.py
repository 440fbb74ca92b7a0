"""The rows of an e-mail's life."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from styleguide_example.common.models import BaseModel, LeasedModel
from styleguide_example.core.enums import Priority
from styleguide_example.emails.enums import CancelReason, EmailStatus, FailureKind, Phase, SuppressionReason

SUBJECT_MAX_LENGTH = 998  # RFC 5322 2.1.1
CATEGORY_MAX_LENGTH = 100
IDEMPOTENCY_KEY_MAX_LENGTH = 255
BATCH_MAX_LENGTH = 100
ADDRESS_MAX_LENGTH = 320
SERVER_MAX_LENGTH = 50
SCOPE_MAX_LENGTH = 320
WORKER_MAX_LENGTH = 255


def message_id_new() -> str:
    """Return a Message-ID that no other e-mail has (RFC 5322 3.6.4), in the domain that sends.

    Shorter than the standard library's, so that no header line with it has to be folded.
    """
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    return f"<{uuid.uuid4().hex}@{domain or 'localhost'}>"


class Email(BaseModel, LeasedModel):
    """One message: who, what, and what happened.

    What is sent was fixed when the row was written: a template that changed since changes nothing here.
    """

    Status = EmailStatus

    status = models.CharField(max_length=16, choices=EmailStatus.choices, default=EmailStatus.READY)

    # Who
    to = models.JSONField(default=list, help_text="Addresses, with or without a name.")
    recipient = models.CharField(
        max_length=ADDRESS_MAX_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="The first of its addresses, bare and in lower case: what a search looks for.",
    )
    cc = models.JSONField(default=list, blank=True)
    bcc = models.JSONField(default=list, blank=True)
    from_email = models.CharField(max_length=320, blank=True, help_text="Empty: the product's own sender.")
    reply_to = models.JSONField(default=list, blank=True)

    # What
    category = models.CharField(
        max_length=CATEGORY_MAX_LENGTH, blank=True, help_text="The template it was written from."
    )
    subject = models.CharField(max_length=SUBJECT_MAX_LENGTH)
    html = models.TextField(blank=True)
    plain_text = models.TextField()
    headers = models.JSONField(default=dict, blank=True)
    message_id = models.CharField(max_length=255, default=message_id_new, editable=False)

    server = models.CharField(
        max_length=SERVER_MAX_LENGTH,
        blank=True,
        db_default="",  # a worker of the former release writes rows without it
        help_text="The name of the mail server in the settings. Empty: the default one.",
    )

    # When
    priority = models.PositiveSmallIntegerField(choices=[(p.value, p.name.capitalize()) for p in Priority], default=5)
    send_after = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Not sent any more after this.")
    idempotency_key = models.CharField(max_length=IDEMPOTENCY_KEY_MAX_LENGTH, null=True, blank=True)  # noqa: DJ001  unique, so absent must be NULL
    batch = models.CharField(  # noqa: DJ001  absent is NULL: a partial index then serves every question for one batch
        max_length=BATCH_MAX_LENGTH, null=True, blank=True, help_text="What it was written for, with many others."
    )
    resend_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="resends", db_index=False
    )
    resend_reason = models.CharField(max_length=255, blank=True)

    # What happened
    queued_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True, help_text="When a worker took it last.")
    worker = models.CharField(
        max_length=WORKER_MAX_LENGTH, blank=True, default="", db_default="", help_text="Who took it last."
    )
    task_id = models.CharField(
        max_length=WORKER_MAX_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="In which task that was: its lines in the log have this id.",
    )
    on_wire_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when the current attempt may have reached the server."
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    took_ms = models.IntegerField(
        null=True, blank=True, help_text="Milliseconds of the conversation in which the server took it."
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.CharField(
        max_length=16,
        choices=CancelReason.choices,
        blank=True,
        help_text="Empty: a person cancelled it, or nobody.",
    )
    smtp_reply = models.TextField(blank=True)
    delivered_to = models.JSONField(default=list, blank=True, help_text="Addresses that the server took it for.")
    refused = models.JSONField(default=dict, blank=True, help_text="Addresses refused for good, with the reply.")
    last_error = models.TextField(blank=True)
    last_error_kind = models.CharField(max_length=20, choices=FailureKind.choices, blank=True)

    class Meta:
        verbose_name = "e-mail"
        # Partial indexes: of ten million rows only those that are pending are in the first two.
        indexes: ClassVar = [
            models.Index(
                fields=["priority", "next_attempt_at"],
                condition=Q(status=EmailStatus.SENDING, lease_token__isnull=True),
                name="email_due",
            ),
            models.Index(fields=["lease_expires_at"], condition=Q(lease_token__isnull=False), name="email_leased"),
            models.Index(fields=["resend_of"], condition=Q(resend_of__isnull=False), name="email_resent"),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False), name="email_ended"),
            models.Index(fields=["ended_at"], condition=Q(status=EmailStatus.FAILED), name="email_failed"),
            models.Index(
                fields=["batch", "status", "cancel_reason"], condition=Q(batch__isnull=False), name="email_batch"
            ),
            # What people search by. Those that somebody holds are few, and in an index already: so a claim, which has
            # the mail server wait for it, need not write these.
            models.Index(fields=["recipient"], condition=Q(lease_token__isnull=True), name="email_recipient"),
            models.Index(fields=["message_id"], condition=Q(lease_token__isnull=True), name="email_message_id"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="email_idempotency_key_unique",
            ),
            models.CheckConstraint(condition=Q(status__in=EmailStatus.values), name="email_status_known"),
            models.CheckConstraint(
                condition=Q(lease_token__isnull=True) | Q(status=EmailStatus.SENDING), name="email_leased_is_sending"
            ),
            models.CheckConstraint(
                condition=Q(status=EmailStatus.SENT, sent_at__isnull=False)
                | (~Q(status=EmailStatus.SENT) & Q(sent_at__isnull=True)),
                name="email_sent_has_sent_at",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[EmailStatus.READY, EmailStatus.SENDING], ended_at__isnull=True)
                | Q(status__in=[EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.CANCELLED], ended_at__isnull=False),
                name="email_ended_has_ended_at",
            ),
        ]

    def __str__(self) -> str:
        return f"E-mail {self.pk} ({self.get_status_display()})"


class EmailAttempt(models.Model):
    """One attempt that failed: when, how far it came, what the server said, which worker."""

    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="failed_attempts")
    number = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=20, choices=FailureKind.choices)
    phase = models.CharField(max_length=16, choices=Phase.choices, blank=True)
    error = models.TextField()
    smtp_code = models.PositiveSmallIntegerField(null=True, blank=True)
    smtp_reply = models.TextField(blank=True)
    worker = models.CharField(max_length=WORKER_MAX_LENGTH, blank=True)
    took_ms = models.IntegerField(
        null=True, blank=True, help_text="Milliseconds of the conversation, or of the way to it."
    )
    ended_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [models.Index(fields=["ended_at"], name="email_attempt_ended")]

    def __str__(self) -> str:
        return f"Attempt {self.number}: {self.get_kind_display()}"


class AttachmentContent(models.Model):
    """The bytes of an attachment, stored once however many e-mails carry them.

    In the database rather than in a file store, so that they are committed, or not, with the e-mail itself.
    """

    sha256 = models.CharField(max_length=64, primary_key=True)
    content = models.BinaryField()
    last_used_at = models.DateTimeField(help_text="So that the cleanup leaves what a new e-mail is about to carry.")

    def __str__(self) -> str:
        return self.sha256[:12]


class EmailAttachment(models.Model):
    """A file that an e-mail carries."""

    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="attachments")
    content = models.ForeignKey(AttachmentContent, on_delete=models.PROTECT, related_name="attachments")
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=255)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.filename


class Suppression(models.Model):
    """An address that gets no e-mail written to many. What is written to one person goes out all the same."""

    address = models.CharField(max_length=ADDRESS_MAX_LENGTH, unique=True, help_text="In lower case.")
    reason = models.CharField(max_length=16, choices=SuppressionReason.choices)
    note = models.TextField(blank=True, help_text="Of a refused address what the mail server said.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(address=Lower("address")), name="suppression_address_is_lower_case")
        ]

    def __str__(self) -> str:
        return f"Suppression {self.pk} ({self.get_reason_display()})"


class SendingPace(models.Model):
    """How fast everybody may use a scope: a mail server, one domain at it, or the way to it.

    Shared by all workers of all machines that use this database. No row: as fast as it goes.
    """

    scope = models.CharField(max_length=SCOPE_MAX_LENGTH, unique=True)
    next_free_at = models.DateTimeField(null=True, help_text="When the next message would be on time (GCRA).")
    level = models.PositiveSmallIntegerField(
        default=0, db_index=True, help_text="How often in a row something went wrong. 0: all is well."
    )
    paused_until = models.DateTimeField(null=True, help_text="Nobody uses it before.")
    rate = models.FloatField(null=True, help_text="Messages per second when the pause ends; then it grows.")
    ceiling = models.FloatField(null=True, help_text="Messages per second at which all is well again.")
    reason = models.TextField(blank=True, help_text="What the server said.")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "pace of sending"
        verbose_name_plural = "paces of sending"

    def __str__(self) -> str:
        return f"Pace {self.pk}"


class ConnectionLease(models.Model):
    """How many connections of a scope a process uses and would like to use, and until when it is believed."""

    scope = models.CharField(max_length=SCOPE_MAX_LENGTH)
    holder = models.UUIDField()
    count = models.PositiveSmallIntegerField()
    wanted = models.PositiveSmallIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["scope", "holder"], name="connection_lease_unique")]

    def __str__(self) -> str:
        return f"Connection lease {self.pk}"
