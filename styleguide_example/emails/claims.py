"""Who holds which e-mails: one that goes out at once, or many, taken and given back with one statement each.

The leases are those of :mod:`~styleguide_example.common.leases`; one token serves a whole claim, for it is compared
together with the row's key.
"""

import os
import socket
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from celery import current_task
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F, Field, Q, QuerySet
from django.db.models.expressions import Col
from django.db.models.functions import Now

from styleguide_example.common import leases
from styleguide_example.common.persistence import persistent
from styleguide_example.emails.dialects import DIALECTS
from styleguide_example.emails.enums import EmailStatus, FailureKind
from styleguide_example.emails.models import WORKER_MAX_LENGTH, Email, EmailAttachment

#: Whoever held it did not come back: it is sent alone, so that one that kills its worker takes no other with it.
SUSPECT = Q(last_error_kind__in=[FailureKind.LOST, FailureKind.UNKNOWN_OUTCOME])


#: What a sender asks for. Each of the others would take as long to read as the whole of a short e-mail.
_READ = frozenset(
    {
        *("id", "attempts", "priority", "next_attempt_at", "expires_at", "updated_at", "server", "batch"),
        *("to", "cc", "bcc", "from_email", "reply_to", "subject", "html", "plain_text", "headers", "message_id"),
        *("delivered_to", "refused"),
    }
)


@dataclass(frozen=True, eq=False)
class Holding:
    """An e-mail that this worker holds, and the token that proves it."""

    email: Email
    token: uuid.UUID
    #: The database's time, with which the e-mail's own times are compared.
    claimed_at: datetime | None = None
    #: Claimed and marked in one: its first attempt, to the default server, for readers of no list, with no files.
    is_plain: bool = False

    @property
    def row(self) -> QuerySet[Email]:
        """The e-mail's row, for one conditional ``UPDATE``."""
        return Email.objects.filter(pk=self.email.pk)


def worker_name() -> str:
    """Return who this is, as Celery names its workers: ``celery@host``. In a shell it is machine and process."""
    node = current_task.request.hostname if current_task else None
    return str(node or f"{socket.gethostname()}:{os.getpid()}")[:WORKER_MAX_LENGTH]


def email_claim_plain(*, email_id: int, owner: str) -> Holding | None:
    """Claim a plain e-mail that is due, and mark it as on the wire, with one statement that also reads it.

    None: there is nothing to send, or it is not plain (:class:`Holding`), or we are in a transaction: claim it as any.
    """
    if connection.in_atomic_block:
        return None
    token = uuid.uuid4()
    said = [*_claimant(token, owner), email_id]
    with connection.cursor() as cursor:
        cursor.execute(_claim_plain_statement(connection.vendor), said)
        return next((Holding(email, token, is_plain=True) for email in _emails(cursor)), None)


@persistent
def emails_claim(
    *, owner: str, limit: int, more_urgent_than: int | None = None, without_servers: Collection[str] = ()
) -> list[Holding]:
    """Claim at most ``limit`` e-mails that are due, the most urgent and longest due first, and count the attempt.

    What another claims at this moment is passed over, not waited for. One statement, in a transaction of its own, said
    again when the database was away for a moment: what was claimed without our knowing it waits for its lease's end.
    """
    due = Email.objects.filter(leases.UNCLAIMED, status=EmailStatus.SENDING, next_attempt_at__lte=Now())
    due = due.exclude(expires_at__lte=Now()).exclude(SUSPECT)
    if more_urgent_than is not None:
        due = due.filter(priority__lt=more_urgent_than)
    if without_servers:
        due = due.exclude(server__in=without_servers)
    chosen, conditions = due.order_by("priority", "next_attempt_at").values("pk")[:limit].query.sql_with_params()
    token = uuid.uuid4()
    said = [*_claimant(token, owner), *conditions]
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_claim_statement(connection.vendor).replace("{chosen}", chosen), said)
        emails = sorted(_emails(cursor), key=_urgency)
    return [Holding(email, token, claimed_at=email.updated_at) for email in emails]


@persistent
def emails_release(holdings: Collection[Holding], *, retry_at: datetime | None = None) -> None:
    """Give back e-mails that were not on the wire, as if they had never been claimed; with a time, not before it."""
    if not holdings:
        return
    later = {} if retry_at is None else {"next_attempt_at": retry_at}
    Email.objects.filter(
        pk__in=[holding.email.pk for holding in holdings], lease_token__in={holding.token for holding in holdings}
    ).update(
        lease_token=None,
        lease_owner="",
        lease_expires_at=None,
        attempts=F("attempts") - 1,
        claimed_at=None,
        worker="",
        task_id="",
        woken_at=None,
        updated_at=Now(),
        **later,
    )


@cache
def _claim_statement(vendor: str) -> str:
    """The claim of those that another statement chooses; its parameters are those of :func:`_claimant`."""
    words = DIALECTS[vendor]
    columns = ", ".join(f'"{field.column}"' for field in _fields_read())
    return (
        f"UPDATE {Email._meta.db_table} SET lease_token = %s, lease_owner = %s, lease_expires_at = {words['lease']},"  # noqa: S608
        f" worker = %s, task_id = %s, claimed_at = {words['now']},"
        f" attempts = attempts + 1, on_wire_at = NULL, updated_at = {words['now']}"
        f" WHERE id {words['chosen']} RETURNING {columns}"
    )


@cache
def _claim_plain_statement(vendor: str) -> str:
    words = DIALECTS[vendor]
    table, files = Email._meta.db_table, EmailAttachment._meta.db_table
    plain = (
        f"= %s AND status = '{EmailStatus.SENDING}' AND lease_token IS NULL"  # noqa: S608
        f" AND next_attempt_at <= {words['now']} AND (expires_at IS NULL OR expires_at > {words['now']})"
        " AND attempts = 0 AND batch IS NULL AND server = ''"
        f" AND NOT EXISTS (SELECT 1 FROM {files} AS file WHERE file.email_id = {table}.id)"
    )
    statement = _claim_statement(vendor).replace("on_wire_at = NULL", f"on_wire_at = {words['now']}")
    return statement.replace(words["chosen"], plain)


def _emails(cursor: CursorWrapper) -> list[Email]:
    """The e-mails that a claim returned. By hand, because for a burst of them a model's own way takes twice as long."""
    fields = _fields_read()
    names = frozenset(field.attname for field in fields)
    converters = _converters(connection.vendor)
    emails = []
    for row in cursor.fetchall():
        values = list(row)
        for position, expression, convert in converters:
            values[position] = convert(values[position], expression, connection)
        emails.append(Email.from_db(connection.alias, names, values))
    return emails


@cache
def _fields_read() -> tuple[Field[Any, Any], ...]:
    return tuple(field for field in Email._meta.concrete_fields if field.name in _READ)


@cache
def _converters(vendor: str) -> list[tuple[int, Col, Callable[..., Any]]]:
    """What makes a database's value one of Python, as a queryset would. ``vendor`` is the key of the cache."""
    columns = [(number, field.get_col(Email._meta.db_table)) for number, field in enumerate(_fields_read())]
    return [
        (number, column, convert)
        for number, column in columns
        for convert in [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
    ]


def _claimant(token: uuid.UUID, owner: str) -> list[Any]:
    owner = owner[:WORKER_MAX_LENGTH]
    return [_token(token), owner, settings.EMAIL_SENDING_LEASE_SECONDS, worker_name(), owner]


def _token(token: uuid.UUID) -> Any:
    return Email._meta.get_field("lease_token").get_db_prep_value(token, connection)


def _urgency(email: Email) -> tuple[int, datetime]:
    assert email.next_attempt_at is not None  # noqa: S101  it was due
    return email.priority, email.next_attempt_at
