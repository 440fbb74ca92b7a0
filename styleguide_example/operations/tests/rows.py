"""Rows as the product leaves them, at any time."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.tasks.models import BeatLeader, Worker


def email_sent_at(moment: datetime, *, seconds: float = 1, **fields: Any) -> Email:
    """One that went out at ``moment``, so many seconds after the commit."""
    asked = moment - timedelta(seconds=seconds)
    return _email(status=Email.Status.SENT, sent_at=moment, ended_at=moment, **{"queued_at": asked, **fields})


def email_failed_at(moment: datetime, **fields: Any) -> Email:
    """One that failed for good."""
    return _email(status=Email.Status.FAILED, ended_at=moment, queued_at=moment, **fields)


def email_due(*, seconds: float, **fields: Any) -> Email:
    """One that is due for so long, and that nobody took."""
    due_at = timezone.now() - timedelta(seconds=seconds)
    return _email(status=Email.Status.SENDING, queued_at=due_at, next_attempt_at=due_at, **fields)


def attempt_at(moment: datetime, *, email: Email | None = None, **fields: Any) -> EmailAttempt:
    """One that was in vain."""
    said = {"number": 1, "kind": FailureKind.TRANSIENT, "error": "Try later.", **fields}
    return EmailAttempt.objects.create(email=email or email_due(seconds=-60), ended_at=moment, **said)


def beat_leading(*, seconds: float = 10) -> BeatLeader:
    """A beat whose lease lasts for so long from now."""
    until = timezone.now() + timedelta(seconds=seconds)
    return BeatLeader.objects.create(
        name="beat", lease_owner="host-1:42", lease_token=uuid.uuid4(), lease_expires_at=until
    )


def worker_seen(name: str = "celery@host-1", *, seconds_ago: float = 1, **fields: Any) -> Worker:
    """A worker that said so long ago that it lives."""
    seen_at = timezone.now() - timedelta(seconds=seconds_ago)
    return Worker.objects.create(name=name, seen_at=seen_at, **{"started_at": seen_at, "processes": 2, **fields})


def _email(**fields: Any) -> Email:
    return Email.objects.create(**{"to": ["ada@example.com"], "subject": "Hello", "plain_text": "Hello", **fields})
