"""The rows of announcements: what is written, to whom, and the account of its sending."""

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import F, Q

from styleguide_example.announcements.enums import AnnouncementStatus, SkipReason
from styleguide_example.common.models import BaseModel
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.mime import line_check, text_check
from styleguide_example.emails.selectors import email_batch_waits
from styleguide_example.jobs.enums import JobState

SUBJECT_LENGTH_MAX = 200
#: Some mail clients clip a message at 100 KB.
BODY_LENGTH_MAX = 50_000
AUDIENCE_LENGTH_MAX = 64
#: How the names of its batches begin.
BATCH_PREFIX = "announcement"


def subject_sendable(subject: str) -> None:
    """Refuse what would not stay one line of a message."""
    try:
        line_check("subject", subject)
    except ConflictError as error:
        raise ValidationError(str(error), code="line") from error


def body_sendable(body: str) -> None:
    """Refuse what can neither be stored nor sent."""
    try:
        text_check("text", body)
    except ConflictError as error:
        raise ValidationError(str(error), code="characters") from error


class Announcement(BaseModel):
    """What staff write to many people, and the account of its sending.

    The account (``cursor`` and the counts) is written in the transaction that writes the e-mails, so it is always true:
    everybody up to the cursor has been dealt with, nobody after it.
    """

    Status = AnnouncementStatus

    #: Whether e-mails of it wait, where a page has read that for all its rows; else the row asks for itself.
    waits_known: bool | None = None

    # What, and to whom. Fixed when the sending begins.
    subject = models.CharField(max_length=SUBJECT_LENGTH_MAX, validators=[subject_sendable])
    body = models.TextField(
        help_text="Markdown (CommonMark). HTML is shown as it is typed.",
        validators=[MaxLengthValidator(BODY_LENGTH_MAX), body_sendable],
    )
    audience = models.CharField(max_length=AUDIENCE_LENGTH_MAX, help_text="The name of a rule in audiences.py.")
    audience_parameters = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )

    # The sending
    job = models.ForeignKey(
        "jobs.Job", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    sending_began_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The audience is as it was then."
    )
    sent_at = models.DateTimeField(
        "written at",
        null=True,
        blank=True,
        editable=False,
        help_text="When everybody had been dealt with: their e-mails are written.",
    )
    stopped_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Since when a person wants nothing more of it to go out: no batch is written then.",
    )
    people_until = models.BigIntegerField(
        default=0, editable=False, help_text="The newest account when the sending began."
    )
    audience_total = models.PositiveIntegerField(
        default=0, editable=False, help_text="How many people the audience had when the sending began."
    )

    # The account
    cursor = models.BigIntegerField(default=0, editable=False, help_text="The last account that was dealt with.")
    written = models.PositiveIntegerField(default=0, editable=False, help_text="E-mails written and asked for.")
    suppressed = models.PositiveIntegerField(default=0, editable=False, help_text="Unsubscribed or refused addresses.")
    invalid = models.PositiveIntegerField(
        default=0, editable=False, help_text="Addresses that e-mail cannot be sent to."
    )

    class Meta:
        permissions: ClassVar = [("send_announcement", "Can send announcements")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(sending_began_at__isnull=False), name="announcement_sent_began"
            ),
            models.CheckConstraint(
                condition=Q(sending_began_at__isnull=False)
                | Q(
                    cursor=0,
                    written=0,
                    suppressed=0,
                    invalid=0,
                    audience_total=0,
                    job__isnull=True,
                    stopped_at__isnull=True,
                ),
                name="announcement_draft_has_no_account",
            ),
            models.CheckConstraint(
                condition=Q(cursor__lte=F("people_until")), name="announcement_cursor_within_people"
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def status(self) -> AnnouncementStatus:
        """Where it is in its life. Reads the job (fetch it: ``select_related("job")``), and whether e-mails wait."""
        if self.sending_began_at is None:
            return AnnouncementStatus.DRAFT
        if self.sent_at is None:
            return self._status_of_writing
        if self.stopped_at is not None:
            return AnnouncementStatus.CANCELLED
        return AnnouncementStatus.GOING_OUT if self.waits else AnnouncementStatus.SENT

    @property
    def waits(self) -> bool:
        """Whether e-mails of it are written and may still go out."""
        return email_batch_waits(batch=self.batch) if self.waits_known is None else self.waits_known

    @property
    def _status_of_writing(self) -> AnnouncementStatus:
        if self.job is not None and self.job.is_active:
            return AnnouncementStatus.SENDING
        # Of a job that was deleted nobody can say more than that it has stopped.
        is_failed = self.job is not None and self.job.state == JobState.FAILURE and self.stopped_at is None
        return AnnouncementStatus.FAILED if is_failed else AnnouncementStatus.CANCELLED

    @property
    def status_label(self) -> str:
        """The status in words."""
        return str(self.status.label)

    @property
    def is_editable(self) -> bool:
        """Whether its text and audience may still change."""
        return self.sending_began_at is None

    @property
    def is_stoppable(self) -> bool:
        """Whether something of it waits to be written or sent. Reads the job, and whether e-mails wait."""
        return self.sending_began_at is not None and (bool(self.job and self.job.is_active) or self.waits)

    @property
    def dealt_with(self) -> int:
        """How many people have got an e-mail or were skipped."""
        return self.written + self.suppressed + self.invalid

    @property
    def batch(self) -> str:
        """The batch that its e-mails belong to."""
        return f"{BATCH_PREFIX}:{self.pk}"


class AnnouncementSkip(models.Model):
    """Somebody of the audience who gets no e-mail, and why. Written with the batch that they were in."""

    announcement = models.ForeignKey(Announcement, on_delete=models.CASCADE, related_name="skips", db_index=False)
    # Without a constraint in the database: an account that is deleted while its batch is written must not undo it.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    reason = models.CharField(max_length=16, choices=SkipReason.choices)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["announcement", "user"], name="announcement_skip_once")
        ]

    def __str__(self) -> str:
        return f"User {self.user_id}: {self.get_reason_display()}"
