"""What the rows of one scenario say, asked with plain SQL."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from faults.database import Database

_EMAILS = """SELECT id, CAST("to" AS TEXT), status, attempts, last_error_kind FROM emails_email
    WHERE CAST("to" AS TEXT) LIKE %s ORDER BY id"""
_ATTEMPTS = """SELECT attempt.phase, attempt.kind FROM emails_emailattempt attempt
    JOIN emails_email email ON email.id = attempt.email_id WHERE CAST(email."to" AS TEXT) LIKE %s"""


@dataclass(frozen=True)
class EmailRow:
    """An e-mail as the database has it."""

    id: int
    to: tuple[str, ...]
    status: str
    attempts: int
    error_kind: str


def email_rows(database: Database, domain: str, *, among: Collection[str] = ()) -> list[EmailRow]:
    """Return the e-mails to ``domain``, oldest first; with ``among`` those whose status is one of them."""
    rows = [
        EmailRow(int(key), tuple(json.loads(to)), str(status), int(attempts), str(kind))
        for key, to, status, attempts, kind in database.rows(_EMAILS, [f"%@{domain}%"])
    ]
    return [row for row in rows if not among or row.status in among]


def failed_attempts(database: Database, domain: str) -> list[tuple[str, str]]:
    """Return phase and kind of each attempt at an e-mail to ``domain`` that failed."""
    return [(str(phase), str(kind)) for phase, kind in database.rows(_ATTEMPTS, [f"%@{domain}%"])]
