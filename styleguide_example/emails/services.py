"""The door to e-mail for other apps: write one, ask for it, stop it, send it again.

The work itself is in ``delivery`` and is re-exported here, so that ``emails.services`` stays the one door.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Q, QuerySet, When
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils import timezone

from styleguide_example.common import leases
from styleguide_example.core.enums import Priority
from styleguide_example.emails import mime
from styleguide_example.emails.cleanup import email_cleanup
from styleguide_example.emails.connections import server_check
from styleguide_example.emails.delivery import email_failed, email_send, email_sweep
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.exceptions import EmailInvalidError, EmailStatusConflictError
from styleguide_example.emails.mime import address_check
from styleguide_example.emails.models import AttachmentContent, Email, EmailAttachment
from styleguide_example.emails.rendering import template_render
from styleguide_example.emails.selectors import email_get_by_key
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.emails.tasks import email_send_due as email_send_due_task

__all__ = [
    "Attachment",
    "address_check",
    "email_cancel",
    "email_cleanup",
    "email_create",
    "email_create_from_template",
    "email_failed",
    "email_queue",
    "email_resend",
    "email_retry",
    "email_send",
    "email_send_all",
    "email_sweep",
]


@dataclass(frozen=True)
class Attachment:
    """A file to be sent with an e-mail."""

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"


@transaction.atomic
def email_create(
    *,
    to: Sequence[str],
    subject: str,
    html: str = "",
    plain_text: str,
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    from_email: str = "",
    reply_to: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    category: str = "",
    server: str = "",
    priority: Priority = Priority.NORMAL,
    send_after: datetime | None = None,
    expires_at: datetime | None = None,
    idempotency_key: str | None = None,
    attachments: Sequence[Attachment] = (),
) -> Email:
    """Write an e-mail in the caller's transaction. READY: nothing is sent before :func:`email_queue`.

    With an ``idempotency_key`` that was used before, the e-mail of the first call is returned and nothing is written.

    Raises:
        EmailInvalidError: for no recipient, a bad address, a header that would break out, attachments over the
        limit, a moment without a time zone, or a mail server that the settings do not know. It names the field.
    """
    mime.lists_check(to=to, cc=cc, bcc=bcc, reply_to=reply_to)
    fields: dict[str, Any] = {
        "to": list(to),
        "recipient": mime.recipient_key(to),
        "cc": list(cc),
        "bcc": list(bcc),
        "from_email": from_email,
        "reply_to": list(reply_to),
        "headers": dict(headers or {}),
        "subject": subject,
        "html": html,
        "plain_text": plain_text,
        "category": category,
        "server": server,
        "priority": priority,
        "send_after": send_after,
        "expires_at": expires_at,
    }
    server_check(server)
    mime.fields_check({**fields, "idempotency_key": idempotency_key})
    _check_attachments(attachments)
    if idempotency_key is None:
        email, created = Email.objects.create(**fields), True
    else:
        email, created = Email.objects.get_or_create(idempotency_key=idempotency_key, defaults=fields)
    if created:
        _attach(email, attachments)
    return email


def email_create_from_template(
    *, template: str, context: Mapping[str, Any], to: Sequence[str], language: str = "", **fields: Any
) -> Email:
    """Write an e-mail from a template, rendered now: later changes of the template or the data do not change it.

    Takes and promises what :func:`email_create` does. The template's name becomes the category.

    Args:
        language: the recipient's, as in ``LANGUAGES``; one that is empty or unknown means ``LANGUAGE_CODE``.

    Raises:
        django.template.TemplateDoesNotExist, TemplateSyntaxError: for a template that is not there, or not one.
        EmailInvalidError: when it shows what ``context`` has not; the message names both.
    """
    rendered = template_render(template=template, context=context, language=language)
    return email_create(
        to=to,
        subject=rendered.subject,
        html=rendered.html,
        plain_text=rendered.plain_text,
        category=template,
        **fields,
    )


def email_queue(*, email: Email) -> Email:
    """Ask for ``email`` to be sent: READY becomes SENDING, and a worker is woken after the commit.

    Asking twice is asking once. Before ``send_after`` nobody is woken; the sweep does it then. A broker that is down
    costs at most a second and no error.

    Raises:
        EmailStatusConflictError: when it has failed or was cancelled.
    """
    # Only what is due now is woken now. Had the others a time here too, the sweep would pass over them at first.
    due = Q(send_after__isnull=True) | Q(send_after__lte=Now())
    asked = _ask(Email.objects.filter(pk=email.pk), woken_at=Case(When(due, then=Now())))
    email.refresh_from_db()
    if asked:
        _wake_on_commit(email)
    elif email.status not in (EmailStatus.SENDING, EmailStatus.SENT):
        raise EmailStatusConflictError(
            f"E-mail {email.pk} is {email.status}. Use email_retry for a failed one, email_resend for any that ended."
        )
    return email


def email_send_all(*, emails: QuerySet[Email]) -> int:
    """Ask for all READY ones among ``emails``, with one statement and one wake-up. Returns how many were asked for."""
    asked = _ask(Email.objects.filter(pk__in=emails.values("pk")))
    if asked:
        email_send_due_task.apply_async_on_commit()
    return asked


def email_retry(*, email: Email) -> Email:
    """Send a FAILED e-mail again, by a person's decision: the same row, the same Message-ID, attempts counted anew.

    Only to the recipients that it did not reach.

    Raises:
        EmailStatusConflictError: when it has not failed, or has expired.
    """
    changed = (
        Email.objects.filter(pk=email.pk, status=EmailStatus.FAILED)
        .exclude(expires_at__lte=Now())
        .update(
            status=EmailStatus.SENDING,
            ended_at=None,
            attempts=0,
            next_attempt_at=Now(),
            woken_at=Now(),
            queued_at=Now(),
            updated_at=Now(),
            refused={},
        )
    )
    email.refresh_from_db()
    if not changed:
        raise EmailStatusConflictError(
            f"E-mail {email.pk} is {email.status}, or has expired: only a failed one that has not can be retried."
        )
    _wake_on_commit(email)
    return email


@transaction.atomic
def email_resend(*, email: Email, reason: str, idempotency_key: str | None = None) -> Email:
    """Write a copy of an e-mail that ended, linked to it, and ask for it. Returns the new e-mail.

    The old row stays as it is, SENT is never sent again. The copy has a Message-ID of its own and no expiry. With an
    ``idempotency_key`` that was used before, the copy of the first call is returned and nothing is written.

    Raises:
        EmailStatusConflictError: when the e-mail has not ended.
        EmailInvalidError: without a reason.
    """
    if not reason.strip():
        raise EmailInvalidError("Say why this e-mail is sent again.")
    # Read again, and locked: somebody may be retrying it at this moment.
    email.refresh_from_db(from_queryset=Email.objects.select_for_update())
    if idempotency_key is not None and (former := email_get_by_key(idempotency_key=idempotency_key)) is not None:
        return former
    if email.status not in (EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.CANCELLED):
        raise EmailStatusConflictError(
            f"E-mail {email.pk} is {email.status}: it has not ended, so it needs no second one."
        )
    who = ("to", "cc", "bcc", "from_email", "reply_to", "headers")
    copied = (*who, "subject", "html", "plain_text", "category", "server", "priority")
    copy = Email.objects.create(
        **{name: getattr(email, name) for name in copied},
        recipient=mime.recipient_key(email.to),
        resend_of=email,
        resend_reason=reason.strip()[:255],
        idempotency_key=idempotency_key,
    )
    EmailAttachment.objects.bulk_create(
        EmailAttachment(email=copy, content_id=old.content_id, filename=old.filename, content_type=old.content_type)
        for old in email.attachments.all()
    )
    return email_queue(email=copy)


def email_cancel(*, email: Email) -> Email:
    """Make sure that ``email`` is not sent. Cancelling twice is cancelling once.

    Raises:
        EmailStatusConflictError: when it has ended otherwise, or a worker is sending it at this moment.
    """
    changed = Email.objects.filter(
        leases.UNCLAIMED, pk=email.pk, status__in=[EmailStatus.READY, EmailStatus.SENDING]
    ).update(status=EmailStatus.CANCELLED, ended_at=Now(), next_attempt_at=None, updated_at=Now())
    email.refresh_from_db()
    if not changed and email.status != EmailStatus.CANCELLED:
        raise EmailStatusConflictError(
            f"E-mail {email.pk} is {email.status}: it has ended, or a worker is sending it right now."
        )
    return email


def _ask(emails: QuerySet[Email], **changes: Any) -> int:
    return emails.filter(status=EmailStatus.READY).update(
        status=EmailStatus.SENDING,
        queued_at=Now(),
        next_attempt_at=Greatest(Now(), Coalesce("send_after", Now())),
        updated_at=Now(),
        **changes,
    )


def _wake_on_commit(email: Email) -> None:
    if email.send_after is None or email.send_after <= timezone.now():
        # Somebody waits for it, so the broker need not write to its disk what the row says.
        email_send_task.apply_async_on_commit(
            kwargs={"email_id": email.pk}, priority=email.priority, delivery_mode="transient"
        )


def _check_attachments(attachments: Sequence[Attachment]) -> None:
    for attachment in attachments:
        mime.attachment_check(filename=attachment.filename, content_type=attachment.content_type)
    size = sum(len(attachment.content) for attachment in attachments)
    if size > settings.EMAIL_ATTACHMENTS_MAX_BYTES:
        raise EmailInvalidError(
            f"The attachments have {size} bytes, the limit is {settings.EMAIL_ATTACHMENTS_MAX_BYTES}. "
            "Send a link instead."
        )


def _attach(email: Email, attachments: Sequence[Attachment]) -> None:
    digests = [hashlib.sha256(attachment.content).hexdigest() for attachment in attachments]
    contents = {digest: attachment.content for digest, attachment in zip(digests, attachments, strict=True)}
    now = timezone.now()
    # An upsert: the row's lock also keeps the cleanup from deleting it before we commit. Sorted, so that two e-mails
    # with the same files take the locks in one order.
    AttachmentContent.objects.bulk_create(
        [AttachmentContent(sha256=digest, content=contents[digest], last_used_at=now) for digest in sorted(contents)],
        update_conflicts=True,
        unique_fields=["sha256"],
        update_fields=["last_used_at"],
    )
    EmailAttachment.objects.bulk_create(
        EmailAttachment(email=email, content_id=digest, filename=new.filename, content_type=new.content_type)
        for digest, new in zip(digests, attachments, strict=True)
    )
