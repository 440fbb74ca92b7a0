"""What a burst records: those that were sent and those that start, with one statement for all of them."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection

from styleguide_example.common.persistence import persistent
from styleguide_example.emails.claims import Holding
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.dialects import DIALECTS
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email


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
        "took_ms": delivery.took_ms,
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
    "took_ms": ("step.took_ms", None),
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


@cache
def _statement(vendor: str) -> str:
    words = DIALECTS[vendor]
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


def _parameters(vendor: str, steps: Sequence[dict[str, Any]], ids: list[int]) -> list[Any]:
    seconds = settings.EMAIL_SENDING_LEASE_SECONDS
    if vendor == "sqlite":  # which keeps a UUID as its 32 digits
        return [seconds, json.dumps([{**step, "token": step["token"].replace("-", "")} for step in steps])]
    return [seconds, json.dumps(steps), ids]
