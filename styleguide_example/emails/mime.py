"""From a row to the message that goes over the wire."""

from collections.abc import Sequence
from email.message import Message as MIMEMessage
from email.utils import parseaddr
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import forbid_multi_line_headers, sanitize_address
from django.core.validators import validate_email

from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.models import Email

#: Headers that columns of the row decide.
_OWN_HEADERS = {"to", "cc", "bcc", "from", "subject", "reply-to", "message-id", "content-type", "mime-version"}


class Message(EmailMultiAlternatives):
    """Django's message, built once, and addressed to those who do not have it yet."""

    def __init__(self, *args: Any, envelope: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.envelope = list(envelope)

    def recipients(self) -> list[str]:
        """Return whom the server is asked to deliver to: on a second attempt not those it took the message for."""
        return self.envelope

    @cached_property
    def _built(self) -> MIMEMessage:
        return super().message()

    def message(self, *args: Any, **kwargs: Any) -> Any:
        """Return the MIME tree. The same object each time: building is the dearest part of sending."""
        return self._built


def email_to_message(email: Email) -> Message:
    """Build the message of ``email`` for the recipients that still lack it.

    Raises:
        EmailInvalidError: when the row holds what cannot be a message. Trying again cannot help.
    """
    message = Message(
        subject=email.subject,
        body=email.plain_text,
        from_email=email.from_email or settings.DEFAULT_FROM_EMAIL,
        to=email.to,
        cc=email.cc,
        reply_to=email.reply_to,
        headers={**email.headers, "Message-ID": email.message_id},
        envelope=recipients_missing(email),
    )
    if email.html:
        message.attach_alternative(email.html, "text/html")
    for attachment in email.attachments.select_related("content"):
        message.attach(attachment.filename, bytes(attachment.content.content), attachment.content_type)
    try:
        message.message()
    except (ValueError, LookupError) as error:  # BadHeaderError and UnicodeError are ValueErrors
        raise EmailInvalidError(f"E-mail {email.pk} cannot be built: {error}") from error
    return message


def recipients_missing(email: Email) -> list[str]:
    """Return the bare addresses that were neither delivered to nor refused for good, each once."""
    ended = {*email.delivered_to, *email.refused}
    everyone = dict.fromkeys(address_bare(address) for address in [*email.to, *email.cc, *email.bcc])
    return [address for address in everyone if address not in ended]


def address_bare(address: str) -> str:
    """Return ``ada@example.com`` for ``Ada <ada@example.com>``, its domain in the ASCII form that SMTP speaks."""
    return parseaddr(sanitize_address(address, "utf-8"))[1]


def address_check(address: str) -> None:
    """Raises EmailInvalidError when ``address`` is not one mailbox, with or without a name."""
    try:
        validate_email(address_bare(address))
    except (ValueError, ValidationError) as error:
        raise EmailInvalidError(
            "An address is not valid: give 'name@example.com' or 'Name <name@example.com>'."
        ) from error


def headers_check(headers: dict[str, str]) -> None:
    """Raises EmailInvalidError for a header that a column decides, or one that would break out of its line."""
    for name, value in headers.items():
        if name.lower() in _OWN_HEADERS:
            raise EmailInvalidError(f"The header {name} is decided by a field of its own; pass it there.")
        if not name or not all(33 <= ord(char) <= 126 and char != ":" for char in name):  # RFC 5322 2.2
            raise EmailInvalidError(f"{name!r} is not a header name.")
        try:
            forbid_multi_line_headers(name, value, "utf-8")
        except ValueError as error:
            raise EmailInvalidError(f"The header {name} must be one line.") from error
