"""A month of e-mails: most went out, some were refused, a few wait; and the last ones lie in the mailbox."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.conf import settings
from django.utils import timezone

from screenshots.world.people import NAMES, address_of
from styleguide_example.announcements.services import announcement_create, announcement_send_test
from styleguide_example.emails.enums import EmailStatus, FailureKind, Phase, SuppressionReason
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.services import email_create_from_template, email_queue, email_send
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.emails.tests.factories import EmailFactory
from styleguide_example.users.models import User
from styleguide_example.users.services import user_sign_up

WORKERS = ("celery@atlas", "celery@boreas", "celery@ceres")
#: Sent on each of the last days, in each of the last hours, in each of the last minutes.
DAYS, HOURS, MINUTES = 30, 24, 60

BODY = """Since today a note has a button **Share**.

1. Open a note.
2. Choose who may read it.

[What is new](https://example.com/new) tells the rest."""
_SUBJECTS = {
    "announcement": "Field notes can be shared now",
    "confirmation": "Confirm your address and choose a password",
    "notification": "Your export is ready",
    "welcome": "Welcome to Fieldnote",
}
_TAKEN = "250 2.0.0 Ok: queued as 4QZ1kH"
_USER_UNKNOWN = "550 5.1.1 Recipient address rejected: User unknown in virtual mailbox table"
_MAILBOX_FULL = "452 4.2.2 The recipient's mailbox is over its quota"
_SPAM = "554 5.7.1 Message rejected: it looks like spam to us"
#: Who, where, what the server said, at which step, how often it was tried.
_FAILED = (
    ("Marta Nowak", "marta@example.net", _USER_UNKNOWN, Phase.ENVELOPE, 1),
    ("Gerda Weiss", "gerda@example.net", _USER_UNKNOWN, Phase.ENVELOPE, 1),
    ("Jo Little", "jo@example.org", _SPAM, Phase.AFTER_DATA, 1),
    ("Ed Full", "full@example.org", _MAILBOX_FULL, Phase.ENVELOPE, 6),
)


def letters_make(admin: User) -> None:
    """Write all of it."""
    now, chance = timezone.now(), Random(7)  # noqa: S311  the same world each time
    welcome = _welcome(admin.full_name, [admin.email])
    moments = sorted(_moments(now, chance))
    for number, (name, address, reply, phase, attempts) in enumerate(_FAILED):
        failed_at = now - timedelta(minutes=51 - 16 * number)
        # In the order in which all of it happened: the newest are first in the list.
        Email.objects.bulk_create(_sent(welcome, at, chance) for at in moments if at < failed_at)
        moments = [at for at in moments if at >= failed_at]
        _failed(_welcome(name, [address]), reply, phase, attempts, at=failed_at)
    Email.objects.bulk_create(_sent(welcome, at, chance) for at in moments)
    _waiting(now)
    Email.objects.filter(pk=welcome.pk).update(status=EmailStatus.CANCELLED, ended_at=now - timedelta(hours=5))
    EmailFactory.create(to=["draft@example.com"], subject="Written, and not asked for yet", category="notification")
    suppression_add(address="bounced@example.net", reason=SuppressionReason.BOUNCED)
    suppression_add(address="no.more@example.org", reason=SuppressionReason.UNSUBSCRIBED)


def mailbox_fill() -> None:
    """Send the last ones for real, to the mail catcher."""
    for name in NAMES[1:8]:
        email_send(email=email_queue(email=_welcome(name, [address_of(name)])))
    announcement = announcement_create(subject="Search that finds it", body=BODY, audience="onboarded")
    for name in NAMES[:3]:
        email = announcement_send_test(announcement=announcement, to=User.objects.get(email=address_of(name)))
        email_send(email=email)
    announcement.delete()
    user_sign_up(email=address_of("Vint Cerf"))
    email_send(email=Email.objects.latest("pk"))


def _welcome(name: str, to: list[str]) -> Email:
    context = {"name": name, "home_url": f"{settings.APP_BASE_URL}/home/"}
    return email_create_from_template(template="welcome", context=context, to=to)


def _moments(now: datetime, chance: Random) -> Iterator[datetime]:
    """When one was sent: a few each minute, more at noon than at night, fewer at the weekend."""
    for minutes in range(MINUTES):
        for _ in range(chance.choice((0, 1, 1, 2, 3, 4))):
            yield now - timedelta(minutes=minutes, seconds=chance.uniform(1, 59))
    for hours in range(1, HOURS):
        at = now - timedelta(hours=hours)
        for _ in range(8 + 30 * (8 <= at.hour <= 18) + chance.randrange(10)):
            yield at - timedelta(minutes=chance.uniform(1, 59))
    for days in range(1, DAYS):
        at = now - timedelta(days=days)
        for _ in range((180 if at.weekday() > 4 else 450) + chance.randrange(160)):
            yield at - timedelta(minutes=chance.uniform(1, 1400))


def _sent(like: Email, at: datetime, chance: Random) -> Email:
    name, category = chance.choice(NAMES), chance.choice(tuple(_SUBJECTS))
    seconds = min(chance.expovariate(1.5), 40) + 0.2
    return Email(
        **_written(at - timedelta(seconds=seconds), [address_of(name)], attempts=1),
        status=EmailStatus.SENT,
        category=category,
        subject=_SUBJECTS[category],
        html=like.html if timezone.now() - at < timedelta(days=1) else "",
        plain_text=like.plain_text,
        worker=chance.choice(WORKERS),
        claimed_at=at - timedelta(milliseconds=120),
        on_wire_at=at - timedelta(milliseconds=80),
        sent_at=at,
        ended_at=at,
        took_ms=chance.randrange(18, 160),
        smtp_reply=_TAKEN,
        delivered_to=[address_of(name)],
    )


def _written(at: datetime, to: list[str], *, attempts: int) -> dict[str, Any]:
    return {"to": to, "recipient": to[0], "created_at": at, "queued_at": at, "attempts": attempts}


def _failed(email: Email, reply: str, phase: Phase, attempts: int, *, at: datetime) -> None:
    kind = FailureKind.PERMANENT if reply.startswith("5") else FailureKind.TRANSIENT
    written_at = at - timedelta(minutes=20 * attempts)
    Email.objects.filter(pk=email.pk).update(
        **_written(written_at, email.to, attempts=attempts),
        status=EmailStatus.FAILED,
        ended_at=at,
        worker=WORKERS[0],
        claimed_at=at - timedelta(milliseconds=250),
        last_error=reply,
        last_error_kind=kind,
    )
    _attempts(email, reply, phase, kind, [at - timedelta(minutes=20 * number) for number in reversed(range(attempts))])


def _waiting(now: datetime) -> None:
    """One that the server put off, and will be asked again."""
    email = _welcome("Tim Lee", ["tim@example.com"])
    Email.objects.filter(pk=email.pk).update(
        **_written(now - timedelta(minutes=9), ["tim@example.com"], attempts=2),
        status=EmailStatus.SENDING,
        next_attempt_at=now + timedelta(minutes=14),
        worker=WORKERS[1],
        last_error=_MAILBOX_FULL,
        last_error_kind=FailureKind.TRANSIENT,
    )
    ends = [now - timedelta(minutes=9), now - timedelta(minutes=6)]
    _attempts(email, _MAILBOX_FULL, Phase.ENVELOPE, FailureKind.TRANSIENT, ends)


def _attempts(email: Email, reply: str, phase: Phase, kind: FailureKind, ends: list[datetime]) -> None:
    EmailAttempt.objects.bulk_create(
        EmailAttempt(
            email=email,
            number=number,
            kind=kind,
            phase=phase,
            error=reply,
            smtp_code=int(reply[:3]),
            smtp_reply=reply,
            worker=WORKERS[number % len(WORKERS)],
            took_ms=40 + 13 * number,
            ended_at=ended_at,
        )
        for number, ended_at in enumerate(ends, start=1)
    )
