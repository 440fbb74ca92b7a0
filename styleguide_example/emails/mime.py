"""From a row to the message that goes over the wire, and what may be in one."""

import re
from collections.abc import Mapping, Sequence
from email.encoders import encode_base64
from email.errors import MessageError
from email.message import Message as MIMEMessage
from email.mime.base import MIMEBase
from email.utils import parseaddr
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import sanitize_address, utf8_charset_qp
from django.core.validators import validate_email
from django.utils.timezone import is_naive

from styleguide_example.core.enums import Priority
from styleguide_example.emails import mime_lean
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.models import (
    ADDRESS_MAX_LENGTH,
    CATEGORY_MAX_LENGTH,
    IDEMPOTENCY_KEY_MAX_LENGTH,
    SUBJECT_MAX_LENGTH,
    Email,
    EmailAttachment,
)

#: Headers that columns of the row decide.
_OWN_HEADERS = {
    *("to", "cc", "bcc", "from", "sender", "subject", "reply-to", "message-id", "date", "return-path"),
    *("content-type", "content-transfer-encoding", "content-disposition", "mime-version"),
}
#: What would end a header line or hide in it: control characters but the tab, every line separator that
#: ``str.splitlines`` knows (the standard library folds headers with it), halves of surrogate pairs.
_NOT_IN_A_LINE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: What neither SMTP nor PostgreSQL carries.
_NOT_IN_A_TEXT = re.compile("[\x00\ud800-\udfff]")
#: RFC 5322 2.1.1, less the space that begins a folded line. Only ASCII has to be folded between words.
_WORD_MAX_LENGTH = 997
_FILENAME_MAX_LENGTH = 255
#: What needs no parser, which takes forty times as long: ``ada@example.com`` and ``Ada Lovelace <ada@example.com>``.
_PLAIN_ADDRESS = r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*"
_PLAIN = re.compile(rf"({_PLAIN_ADDRESS})|[\w-]+(?: [\w-]+)* <({_PLAIN_ADDRESS})>")


class Message(EmailMultiAlternatives):
    """Django's message, built once, and addressed to those who do not have it yet."""

    def __init__(self, *args: Any, envelope: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.envelope = list(envelope)

    def recipients(self) -> list[str]:
        """Return whom the server is asked to deliver to: on a second attempt not those it took the message for."""
        return self.envelope

    def payload(self) -> bytes:
        """Return what goes over the wire: CRLF line ends, no line over 998 octets, dots not doubled. Built once."""
        return self._payload

    def message(self, *args: Any, **kwargs: Any) -> Any:
        """Return the MIME tree, for backends that are not ours. The same object each time."""
        return self._tree

    @cached_property
    def _payload(self) -> bytes:
        lean = mime_lean.message_bytes(self)
        return self.message().as_bytes(linesep="\r\n") if lean is None else lean

    @cached_property
    def _tree(self) -> MIMEMessage:
        texts = [self.body, *(content for content, _ in self.alternatives)]
        if any(mime_lean.has_long_line(str(text)) for text in texts):
            self.encoding = utf8_charset_qp  # as Django would, were it asking for the lines of the wire
        return super().message()


def email_to_message(email: Email, attachments: Sequence[EmailAttachment] | None = None) -> Message:
    """Build the message of ``email`` for the recipients that still lack it.

    Give ``attachments``, each with its content loaded, and the database is not asked. Of None it is asked.

    Raises:
        EmailInvalidError: when the row holds what cannot be a message. Trying again cannot help.
    """
    if attachments is None:
        attachments = list(email.attachments.select_related("content"))
    try:
        message = _message(email, attachments)
        message.payload()
    except (ValueError, LookupError, MessageError) as error:  # BadHeaderError and UnicodeError are ValueErrors
        raise EmailInvalidError(f"E-mail {email.pk} cannot be built: {error}") from error
    return message


def _message(email: Email, attachments: Sequence[EmailAttachment]) -> Message:
    message = Message(
        subject=email.subject,
        body=email.plain_text,
        from_email=sender_of(email),
        to=email.to,
        cc=email.cc,
        reply_to=email.reply_to,
        headers={**email.headers, "Message-ID": email.message_id},
        envelope=recipients_missing(email),
    )
    if email.html:
        message.attach_alternative(email.html, "text/html")
    for attachment in attachments:
        _attach(message, attachment)
    return message


def sender_of(email: Email) -> str:
    """Return who it is from: the product, unless the row names somebody else."""
    return email.from_email or settings.DEFAULT_FROM_EMAIL


def _attach(message: Message, attachment: EmailAttachment) -> None:
    content = bytes(attachment.content.content)
    maintype, _, subtype = attachment.content_type.partition("/")
    if maintype == "message":  # an e-mail in the e-mail, which must not be base64 (RFC 2046 5.2.1)
        message.attach(attachment.filename, content, attachment.content_type)
        return
    # Always base64: as text, which is Django's way for text, it would arrive with other line ends.
    part = MIMEBase(maintype, subtype)
    part.set_payload(content)
    encode_base64(part)
    part.add_header("Content-Disposition", "attachment", filename=attachment.filename)
    message.attach(part)


def recipients_missing(email: Email) -> list[str]:
    """Return the bare addresses that were neither delivered to nor refused for good, each once."""
    ended = {*email.delivered_to, *email.refused}
    everyone = dict.fromkeys(address_bare(address) for address in [*email.to, *email.cc, *email.bcc])
    return [address for address in everyone if address not in ended]


def address_bare(address: str) -> str:
    """Return ``ada@example.com`` for ``Ada <ada@example.com>``, its domain in the ASCII form that SMTP speaks.

    Raises:
        ValueError: when it is not one address.
    """
    if plain := _PLAIN.fullmatch(address):
        return plain[1] or plain[2]
    try:
        return parseaddr(sanitize_address(address, "utf-8"))[1]
    except (AttributeError, IndexError, NameError, TypeError) as error:
        raise ValueError("Invalid address.") from error  # the standard library's parser stumbles: "<>", "a@[", " .@"


def recipient_key(addresses: Sequence[str]) -> str:
    """Return what an e-mail to ``addresses`` is found by: the first one, bare and in lower case. Empty: there is none.

    Never raises: a row that cannot be a message has a key too, or none.
    """
    try:
        return address_bare(addresses[0]).lower()[:ADDRESS_MAX_LENGTH]
    except (LookupError, TypeError, ValueError, MessageError):
        return ""


def fields_check(fields: Mapping[str, Any]) -> None:
    """Raises EmailInvalidError when an e-mail of these columns could not be sent, or not be stored."""
    if not fields["to"]:
        raise EmailInvalidError("An e-mail needs at least one recipient in 'to'.")
    senders = [fields["from_email"]] if fields["from_email"] else []
    _priority_check(fields["priority"])
    named = {**{name: fields[name] for name in ("to", "cc", "bcc", "reply_to")}, "from_email": senders}
    for name, addresses in named.items():
        for address in addresses:
            address_check(address, where=name)
    for name in ("send_after", "expires_at"):
        if (moment := fields.get(name)) is not None and is_naive(moment):
            raise EmailInvalidError(f"{name!r} has no time zone: give a moment like django.utils.timezone.now().")
    headers_check(fields["headers"])
    line_check("subject", fields["subject"], max_length=SUBJECT_MAX_LENGTH)
    line_check("category", fields["category"], max_length=CATEGORY_MAX_LENGTH)
    if fields["idempotency_key"] == "":
        raise EmailInvalidError("An idempotency_key must not be empty: every e-mail with that key would be one.")
    line_check("idempotency_key", fields["idempotency_key"] or "", max_length=IDEMPOTENCY_KEY_MAX_LENGTH)
    text_check("html", fields["html"])
    text_check("plain text", fields["plain_text"])


def lists_check(**lists: Sequence[str]) -> None:
    """Raises EmailInvalidError for a text in the place of a list: each of its letters would be an address."""
    for name, addresses in lists.items():
        if isinstance(addresses, str):
            raise EmailInvalidError(f"{name!r} is a text: give a list of addresses, as in ['name@example.com'].")


def _priority_check(priority: int) -> None:
    if priority == Priority.RESERVED:
        raise EmailInvalidError("Priority 0 is reserved for the engine room: HIGHEST is the first that an e-mail has.")
    if priority not in Priority.__members__.values():
        raise EmailInvalidError(f"The priority {priority!r} is none: use one of Priority, as in Priority.HIGH.")


def line_check(what: str, text: str, *, max_length: int | None = None) -> None:
    """Raises EmailInvalidError when ``text`` is too long, or would not stay one line of the message."""
    if max_length is not None and len(text) > max_length:
        raise EmailInvalidError(f"The {what} must be at most {max_length} characters.")
    too_long = text.isascii() and max(map(len, text.split()), default=0) > _WORD_MAX_LENGTH
    if too_long or _NOT_IN_A_LINE.search(text):
        raise EmailInvalidError(f"The {what} must be one line, without control characters.")


def text_check(what: str, text: str) -> None:
    """Raises EmailInvalidError when ``text`` holds what cannot be sent or stored."""
    if _NOT_IN_A_TEXT.search(text):
        raise EmailInvalidError(f"The {what} must not contain NUL characters or lone surrogates.")


def address_check(address: str, *, where: str = "") -> None:
    """Raises EmailInvalidError when ``address`` is not one mailbox, with or without a name.

    Args:
        where: the field that it stands in, for the error, which does not show the address: it is somebody's.
    """
    what = f"address in {where!r}" if where else "address"
    line_check(what, address, max_length=ADDRESS_MAX_LENGTH)
    try:
        validate_email(address_bare(address))
        # Django would encode it as if it were a name, and somebody else's mailbox would be asked for (RFC 2047 5).
        parseaddr(address)[1].rpartition("@")[0].encode("ascii")
    except (ValueError, ValidationError, MessageError) as error:
        raise EmailInvalidError(
            f"The {what} is not valid: give 'name@example.com' or 'Name <name@example.com>'."
        ) from error


def attachment_check(*, filename: str, content_type: str) -> None:
    """Raises EmailInvalidError for a name or a type that would not stay in its header."""
    line_check("filename of an attachment", filename, max_length=_FILENAME_MAX_LENGTH)
    line_check("content type of an attachment", content_type, max_length=_FILENAME_MAX_LENGTH)
    if not filename:
        raise EmailInvalidError("An attachment needs a filename.")
    if not re.fullmatch(r"(?!multipart/)[\w.+-]+/[\w.+-]+", content_type, re.ASCII):
        raise EmailInvalidError(f"{content_type!r} is not a content type: give one like 'application/pdf'.")


def headers_check(headers: Mapping[str, str]) -> None:
    """Raises EmailInvalidError for a header that a column decides, or one that would break out of its line."""
    for name, value in headers.items():
        if name.lower() in _OWN_HEADERS:
            raise EmailInvalidError(f"The header {name} is decided by a field of its own; pass it there.")
        if not name or not all(33 <= ord(char) <= 126 and char != ":" for char in name):  # RFC 5322 2.2
            raise EmailInvalidError(f"{name!r} is not a header name.")
        line_check(f"header {name}", value)
