"""The two ways on which real workers send: one message for each e-mail, and one for as many as are due."""

from typing import Any, Protocol

from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_send_all
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for


class Way(Protocol):
    """How e-mails are asked for, and how they get there."""

    #: Environment of the worker.
    settings: dict[str, str]

    def ask(self, **fields: Any) -> Email:
        """Write an e-mail and ask for it; its message goes out at once."""


class Alone:
    """A task for each e-mail, which asks itself for the next attempt, unless its server wants none for a while."""

    settings: dict[str, str] = {}

    def ask(self, **fields: Any) -> Email:
        return email_asked_for(**fields)


class InABurst:
    """A task for whatever is due, which the sweep asks for again."""

    settings = {"EMAIL_SENDING_BURST_FROM": "0"}

    def ask(self, **fields: Any) -> Email:
        email = EmailFactory.create(**fields)
        assert email_send_all(emails=Email.objects.filter(pk=email.pk)) == 1
        email.refresh_from_db()
        return email
