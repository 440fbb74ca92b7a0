"""What a burst writes: many e-mails claimed, marked, recorded and given back with one statement each.

The leases are those of :mod:`~styleguide_example.common.leases`; one token serves a whole claim, for it is compared
together with the row's key.
"""

import json
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from styleguide_example.common import leases
from styleguide_example.common.persistence import persistent
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.enums import EmailStatus, FailureKind
from styleguide_example.emails.models import Email, EmailAttachment

#: Whoever held it did not come back: it is sent alone, so that one that kills its worker takes no other with it.
SUSPECT = Q(last_error_kind__in=[FailureKind.LOST, FailureKind.UNKNOWN_OUTCOME])


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


def email_claim_plain(*, email_id: int, owner: str) -> Holding | None:
    """Claim a plain e-mail that is due, and mark it as on the wire, with one statement that also reads it.

    None: there is nothing to send, or it is not plain (:class:`Holding`), or we are in a transaction: claim it as any.
    """
    if connection.in_atomic_block or not connection.features.can_return_columns_from_insert:
        return None
    token = uuid.uuid4()
    said = {
        "id": email_id,
        "token": Email._meta.get_field("lease_token").get_db_prep_value(token, connection),
        "owner": owner[:255],
        "seconds": settings.EMAIL_SENDING_LEASE_SECONDS,
    }
    for email in Email.objects.raw(_claim_plain_statement(connection.vendor), said):
        return Holding(email, token, is_plain=True)
    return None


def emails_claim(
    *, owner: str, limit: int, more_urgent_than: int | None = None, without_servers: Collection[str] = ()
) -> list[Holding]:
    """Claim at most ``limit`` e-mails that are due, the most urgent and longest due first, and count the attempt.

    What another claims at this moment is passed over, not waited for. Two statements in one transaction.
    """
    token = uuid.uuid4()
    due = Email.objects.filter(leases.UNCLAIMED, status=EmailStatus.SENDING, next_attempt_at__lte=Now())
    due = due.exclude(expires_at__lte=Now()).exclude(SUSPECT)
    if more_urgent_than is not None:
        due = due.filter(priority__lt=more_urgent_than)
    if without_servers:
        due = due.exclude(server__in=without_servers)
    with transaction.atomic(durable=True):
        locked = due.select_for_update(skip_locked=True, no_key=True).annotate(now=Now())
        emails = list(locked.order_by("priority", "next_attempt_at")[:limit])
        if emails:
            Email.objects.filter(pk__in=[email.pk for email in emails]).update(
                lease_token=token,
                lease_owner=owner[:255],
                lease_expires_at=Now() + timedelta(seconds=settings.EMAIL_SENDING_LEASE_SECONDS),
                attempts=F("attempts") + 1,
                on_wire_at=None,
                updated_at=Now(),
            )
    for email in emails:
        email.attempts += 1
        email.lease_owner, email.lease_token, email.on_wire_at = owner[:255], token, None
    return [Holding(email, token, claimed_at=email.now) for email in emails]


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
        woken_at=None,
        updated_at=Now(),
        **later,
    )


@persistent
def emails_record(sent: Sequence[tuple[Holding, Delivery]], starting: Sequence[Holding]) -> set[int]:
    """Record those that were ``sent``, and mark those that are ``starting`` as on the wire. One statement.

    Returns the keys for which it was so. One that is missing has lost its lease: a successor records what was sent, and
    what was to start must not.
    """
    steps = [_step_sent(holding, delivery) for holding, delivery in sent] + [_step_starting(one) for one in starting]
    if not steps:
        return set()
    ids = [step["id"] for step in steps]
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection.vendor), _parameters(connection.vendor, steps, ids))
        if cursor.rowcount == len(steps):
            return set(ids)
    return _recorded(sent, starting)


def _recorded(sent: Iterable[tuple[Holding, Delivery]], starting: Iterable[Holding]) -> set[int]:
    """Look which of the rows are as they were to become; only asked when some are not.

    One that is SENT may have been recorded by a successor, who has counted an attempt more.
    """
    was_sent = {holding.email.pk: holding.email.attempts for holding, _ in sent}
    starts = {one.email.pk: one.token for one in starting}
    rows = Email.objects.filter(pk__in=[*was_sent, *starts])
    columns = rows.values_list("pk", "status", "attempts", "lease_token", "on_wire_at")
    return {
        pk
        for pk, status, attempts, token, on_wire_at in columns
        if (status == EmailStatus.SENT and attempts == was_sent.get(pk))
        or (pk in starts and token == starts[pk] and on_wire_at is not None)
    }


def _step_sent(holding: Holding, delivery: Delivery) -> dict[str, Any]:
    email = holding.email
    return {
        "id": email.pk,
        "token": str(holding.token),
        "is_sent": 1,
        "reply": delivery.reply,
        "delivered": [*email.delivered_to, *delivery.accepted],
        "refused": {**email.refused, **delivery.refused_for_good},
    }


def _step_starting(holding: Holding) -> dict[str, Any]:
    return {"id": holding.email.pk, "token": str(holding.token), "is_sent": 0}


#: What becomes of a column of an e-mail that was sent, and of one that starts; None: it stays.
_COLUMNS: dict[str, tuple[str, str | None]] = {
    "status": (f"'{EmailStatus.SENT}'", None),
    "sent_at": ("{now}", None),
    "ended_at": ("{now}", None),
    "next_attempt_at": ("NULL", None),
    "smtp_reply": ("step.reply", None),
    "delivered_to": ("step.delivered", None),
    "refused": ("step.refused", None),
    "last_error": ("''", None),
    "last_error_kind": ("''", None),
    "lease_token": ("NULL", None),
    "lease_owner": ("''", None),
    "lease_expires_at": ("NULL", "{lease}"),
    "on_wire_at": ("email.on_wire_at", "{now}"),
    "updated_at": ("{now}", "{now}"),
}
#: https://www.postgresql.org/docs/current/functions-json.html and https://sqlite.org/json1.html
_DIALECTS = {
    "postgresql": {
        "now": "STATEMENT_TIMESTAMP()",
        "lease": "STATEMENT_TIMESTAMP() + %(seconds)s * INTERVAL '1 second'",
        "steps": "jsonb_to_recordset(%(steps)s::jsonb) AS step("
        "id bigint, token uuid, is_sent integer, reply text, delivered jsonb, refused jsonb)",
        # The planner knows how many these are, not how many come out of the function.
        "among": "email.id = ANY(%(ids)s) AND ",
    },
    "sqlite": {
        "now": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')",
        "lease": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', %(seconds)s || ' seconds')",
        "steps": "(SELECT json_extract(value, '$.id') AS id, json_extract(value, '$.token') AS token,"
        " json_extract(value, '$.is_sent') AS is_sent, json_extract(value, '$.reply') AS reply,"
        " json_extract(value, '$.delivered') AS delivered, json_extract(value, '$.refused') AS refused"
        " FROM json_each(%(steps)s)) AS step",
        "among": "",
    },
}


@cache
def _statement(vendor: str) -> str:
    words = _DIALECTS[vendor]
    changes = ", ".join(
        f"{column} = CASE WHEN step.is_sent = 1 THEN {sent} ELSE {starting or 'email.' + column} END"
        for column, (sent, starting) in _COLUMNS.items()
    )
    template = (
        f"UPDATE {Email._meta.db_table} AS email SET {changes} FROM {{steps}}"  # noqa: S608  names of this module
        " WHERE {among}email.id = step.id AND email.lease_token = step.token"
        " AND (step.is_sent = 1 OR email.lease_expires_at > {now})"
    )
    return template.format(**words)


@cache
def _claim_plain_statement(vendor: str) -> str:
    words = _DIALECTS[vendor]
    table, files = Email._meta.db_table, EmailAttachment._meta.db_table
    columns = ", ".join(f'{table}."{field.column}"' for field in Email._meta.concrete_fields)
    template = (
        f"UPDATE {table} SET lease_token = %(token)s, lease_owner = %(owner)s, lease_expires_at = {{lease}},"  # noqa: S608
        " attempts = 1, on_wire_at = {now}, updated_at = {now}"
        f" WHERE id = %(id)s AND status = '{EmailStatus.SENDING}' AND lease_token IS NULL"
        " AND next_attempt_at <= {now} AND (expires_at IS NULL OR expires_at > {now})"
        " AND attempts = 0 AND batch IS NULL AND server = ''"
        f" AND NOT EXISTS (SELECT 1 FROM {files} AS file WHERE file.email_id = {table}.id) RETURNING {columns}"
    )
    return template.format(**words)


def _parameters(vendor: str, steps: Sequence[dict[str, Any]], ids: list[int]) -> dict[str, Any]:
    seconds = settings.EMAIL_SENDING_LEASE_SECONDS
    if vendor == "sqlite":  # which keeps a UUID as its 32 digits
        steps = [{**step, "token": step["token"].replace("-", "")} for step in steps]
        return {"steps": json.dumps(steps), "seconds": seconds}
    return {"steps": json.dumps(steps), "ids": ids, "seconds": seconds}
