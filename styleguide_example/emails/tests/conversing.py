"""For tests of the conversation itself: no row, no service, one connection."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.mail import EmailMessage

from styleguide_example.emails.backends import SMTPBackend
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.exceptions import DeliveryError

ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"


@contextmanager
def connected(port: int, *, timeout: float) -> Iterator[SMTPBackend]:
    """A backend with an open connection."""
    backend = SMTPBackend(host="127.0.0.1", port=port, timeout=timeout)
    backend.open()
    try:
        yield backend
    finally:
        backend.drop()


def send_over(backend: SMTPBackend, *recipients: str) -> Delivery:
    """Send a message, by default to Ada."""
    message = EmailMessage("Hello", "Hello\n", "Sender <sender@example.org>", recipients or [ADA])
    backend.send_messages([message])
    delivery: Delivery = message.delivery  # type: ignore[attr-defined]
    return delivery


def refused_over(backend: SMTPBackend, *recipients: str) -> DeliveryError:
    """Send a message that is refused, and return how. A connection that is lost must not be used again."""
    with pytest.raises(DeliveryError) as raised:
        send_over(backend, *recipients)
    assert raised.value.connection_lost == (backend.connection is None)
    return raised.value
