"""The door for many e-mails at once: written in few statements, asked for in the same breath, stopped, resumed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce, Greatest, Now

from styleguide_example.common import leases
from styleguide_example.core.enums import Priority
from styleguide_example.emails import mime
from styleguide_example.emails.connections import server_check
from styleguide_example.emails.enums import WAITING_STATUSES, CancelReason, EmailStatus
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.models import BATCH_MAX_LENGTH, Email
from styleguide_example.emails.rendering import CompiledTemplate
from styleguide_example.emails.tasks import email_send_due as email_send_due_task

#: So many rows are in memory at once.
CHUNK = 500


@dataclass(frozen=True)
class NewEmail:
    """One of many e-mails to be written. The key makes it the only one, however often it is written."""

    idempotency_key: str
    to: str
    subject: str
    html: str
    plain_text: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipient:
    """Who gets one of many e-mails from a template, in which language, and what stands in it.

    The key makes it the only one. Without a language it is the one of ``LANGUAGE_CODE``.
    """

    idempotency_key: str
    to: str
    context: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    language: str = ""


@dataclass(frozen=True)
class Created:
    """How many e-mails there are now, and those that could not be written: the reason by their key."""

    count: int = 0
    invalid: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def email_create_all(
    *,
    emails: Iterable[NewEmail],
    batch: str,
    category: str = "",
    from_email: str = "",
    server: str = "",
    priority: Priority = Priority.LOW,
) -> Created:
    """Write ``emails`` in the caller's transaction, already asked for, and wake a burst once after the commit.

    Each is checked as :func:`~styleguide_example.emails.services.email_create` checks it; one that is not valid stops
    no other and is named in the answer. One whose key was used before is there already and is not written again, also
    when two write at once. They are LOW unless told otherwise, so that what one person waits for overtakes them.

    ``emails`` may be a generator of any length: some hundreds are in memory at once. (With ``DEBUG`` Django keeps the
    last statements, all of their rows with them.) On SQLite nobody else writes until the caller's transaction ends.

    Raises:
        EmailInvalidError: when what all share is not valid: batch, category, sender, priority.
    """
    shared = _shared(batch=batch, category=category, from_email=from_email, server=server, priority=priority)
    count = 0
    invalid: dict[str, str] = {}
    rest = iter(emails)
    while chunk := list(islice(rest, CHUNK)):
        valid = [email for email in chunk if _is_valid(email, shared, invalid)]
        Email.objects.bulk_create([_row(email, shared) for email in valid], ignore_conflicts=True)
        count += len(valid)
    if count:
        email_send_due_task.apply_async_on_commit()
    return Created(count=count, invalid=invalid)


def email_create_all_from_template(
    *, template: str, recipients: Iterable[Recipient], context: Mapping[str, Any] | None = None, **shared: Any
) -> Created:
    """Write an e-mail from one template to each of ``recipients``, each with what stands in it for them alone.

    Takes and promises what :func:`email_create_all` does, with the template's name for the category. The template is
    compiled once, and each e-mail rendered when it is written. Give the template a block ``text``: to make the text
    from the HTML takes longer than everything else.

    Args:
        context: what is the same for all; a recipient's own comes before it.

    Raises:
        django.template.TemplateDoesNotExist: for a template that is not there, before anything is written.
        EmailInvalidError: when it shows what a recipient's context has not; then nothing is written.
    """
    compiled, common = CompiledTemplate(template), dict(context or {})
    emails = _rendered(compiled, common, recipients)
    return email_create_all(emails=emails, category=template, **shared)


def email_batch_cancel(*, batch: str, limit: int = CHUNK) -> int:
    """Cancel at most ``limit`` e-mails of ``batch`` that wait. Returns how many; call it until it says 0.

    One conditional ``UPDATE``. What a worker holds at this moment stays with it: that goes out, or is tried again.
    """
    waiting = Email.objects.filter(leases.UNCLAIMED, batch=batch, status__in=WAITING_STATUSES)
    some = Email.objects.filter(pk__in=waiting.order_by("pk").values("pk")[:limit])
    # Asked once more outside of the sub-select: what was claimed since it was read is left alone.
    return some.filter(leases.UNCLAIMED, status__in=WAITING_STATUSES).update(
        status=EmailStatus.CANCELLED,
        cancel_reason=CancelReason.STOPPED,
        ended_at=Now(),
        next_attempt_at=None,
        updated_at=Now(),
    )


@transaction.atomic
def email_batch_resume(*, batch: str) -> int:
    """Ask again for the e-mails of ``batch`` that :func:`email_batch_cancel` stopped, and wake a burst on commit.

    The same rows, attempts counted anew. One that was SENT, that a person cancelled, or whose address was suppressed is
    never touched. Returns how many.
    """
    stopped = Email.objects.filter(batch=batch, status=EmailStatus.CANCELLED, cancel_reason=CancelReason.STOPPED)
    asked = stopped.update(
        status=EmailStatus.SENDING,
        cancel_reason="",
        ended_at=None,
        attempts=0,
        next_attempt_at=Greatest(Now(), Coalesce("send_after", Now())),
        woken_at=None,
        queued_at=Now(),
        updated_at=Now(),
    )
    if asked:
        email_send_due_task.apply_async_on_commit()
    return asked


def _rendered(
    compiled: CompiledTemplate, common: Mapping[str, Any], recipients: Iterable[Recipient]
) -> Iterator[NewEmail]:
    for recipient in recipients:
        rendered = compiled.render({**common, **recipient.context}, language=recipient.language)
        yield NewEmail(
            idempotency_key=recipient.idempotency_key,
            to=recipient.to,
            subject=rendered.subject,
            html=rendered.html,
            plain_text=rendered.plain_text,
            headers=recipient.headers,
        )


def _shared(*, batch: str, **shared: Any) -> dict[str, Any]:
    mime.line_check("batch", batch, max_length=BATCH_MAX_LENGTH)
    if not batch:
        raise EmailInvalidError("Name the batch: its e-mails are counted by it.")
    server_check(shared["server"])
    # With an e-mail that is valid itself, so that an error is about what all share.
    blank = NewEmail(idempotency_key="blank", to="blank@example.com", subject="", html="", plain_text="")
    mime.fields_check(_fields(blank, shared))
    return {**shared, "batch": batch}


def _is_valid(email: NewEmail, shared: Mapping[str, Any], invalid: dict[str, str]) -> bool:
    try:
        mime.fields_check(_fields(email, shared))
    except EmailInvalidError as error:
        invalid[email.idempotency_key] = str(error)
        return False
    return True


def _fields(email: NewEmail, shared: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **shared,
        "to": [email.to],
        "cc": [],
        "bcc": [],
        "reply_to": [],
        "headers": dict(email.headers),
        "subject": email.subject,
        "html": email.html,
        "plain_text": email.plain_text,
        "idempotency_key": email.idempotency_key,
    }


def _row(email: NewEmail, shared: Mapping[str, Any]) -> Email:
    """A row as :func:`~styleguide_example.emails.services.email_queue` would leave it."""
    asked_for = {"status": EmailStatus.SENDING, "queued_at": Now(), "next_attempt_at": Now()}
    return Email(**_fields(email, shared), recipient=mime.recipient_key([email.to]), **asked_for)
