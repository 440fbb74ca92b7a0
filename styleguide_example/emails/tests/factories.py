"""E-mails for tests."""

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone

from styleguide_example.emails import services
from styleguide_example.emails.models import Email


class EmailFactory(factory.django.DjangoModelFactory[Email]):
    """A READY e-mail, written by the service."""

    class Meta:
        model = Email

    to = factory.Sequence(lambda number: [f"person{number}@example.org"])  # type: ignore[attr-defined, no-untyped-call]
    subject = "Hello"
    html = "<p>Hello</p>"
    plain_text = "Hello\n"

    @classmethod
    def _create(cls, model_class: type[Email], *args: Any, **kwargs: Any) -> Email:
        return services.email_create(**kwargs)


def email_asked_for(**fields: Any) -> Email:
    """A SENDING e-mail that is due."""
    return services.email_queue(email=EmailFactory.create(**fields))


def emails_left_behind(count: int, **fields: Any) -> list[Email]:
    """Many SENDING e-mails that are due, the first the longest, written at once; no message says so."""
    now = timezone.now()
    return Email.objects.bulk_create(
        Email(
            **{
                "to": [f"person{number}@example.org"],
                "subject": "Hello",
                "html": "<p>Hello</p>",
                "plain_text": "Hello\n",
                "status": Email.Status.SENDING,
                "queued_at": now,
                "next_attempt_at": now - timedelta(minutes=1) + timedelta(milliseconds=number),
                **fields,
            }
        )
        for number in range(count)
    )


def email_ended(status: str, **fields: Any) -> Email:
    """An e-mail that ended in ``status`` a moment ago."""
    email = EmailFactory.create(**fields)
    now = timezone.now()
    Email.objects.filter(pk=email.pk).update(
        status=status, queued_at=now, ended_at=now, sent_at=now if status == Email.Status.SENT else None
    )
    email.refresh_from_db()
    return email


def email_made_due(email: Email) -> Email:
    """The same e-mail, when the time of its next attempt has come and its message was lost."""
    a_minute_ago = timezone.now() - timedelta(minutes=1)
    Email.objects.filter(pk=email.pk).update(next_attempt_at=a_minute_ago, woken_at=None)
    email.refresh_from_db()
    return email
