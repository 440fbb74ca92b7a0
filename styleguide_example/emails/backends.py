"""The conversation with an SMTP server, told step by step.

Django's backend hides how far a failed conversation came, and ignores that one of several recipients was refused. Both
decide what happens next, so this backend holds the conversation itself (RFC 5321) and translates what goes wrong.
"""

import re
import smtplib
from dataclasses import dataclass, field
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import DeliveryError

#: Sign in first, start TLS first, or not with this password: RFC 4954 6.
_SIGN_IN_REFUSED = (530, 534, 535, 538)
#: -1 is smtplib's word for an answer that is not SMTP; 421 says that the server closes the connection.
_CONNECTION_LOST = (-1, 421)


@dataclass(frozen=True)
class Delivery:
    """What the server said when it took the message, and for whom."""

    reply: str = ""
    accepted: list[str] = field(default_factory=list)
    refused_for_good: dict[str, str] = field(default_factory=dict)
    refused_for_now: dict[str, str] = field(default_factory=dict)


class SMTPBackend(EmailBackend):
    """Django's SMTP backend that raises :class:`DeliveryError` and leaves a :class:`Delivery` on the message."""

    def open(self) -> bool | None:
        """Connect, greet, start TLS, sign in.

        Every failure here is transient, even a 5xx: the server judged us, not the e-mail, and a wrong password in the
        settings must not end all e-mails of the day for good.
        """
        try:
            opened = super().open()
            if self.connection is not None:
                self.connection.ehlo_or_helo_if_needed()
        except (OSError, ValueError, SoftTimeLimitExceeded) as error:
            # SMTPException and SSLError are OSErrors; a name or password that is not ASCII is a ValueError.
            self.drop()
            raise _delivery_error(error, Phase.CONNECT) from error
        return opened

    def drop(self) -> None:
        """Close the socket without a farewell, which a server that is gone or hangs would not answer."""
        for name in ("connection", "_partial_connection"):
            connection: smtplib.SMTP | None = getattr(self, name, None)
            if connection is not None:
                connection.close()
            setattr(self, name, None)

    def _send(self, email_message: EmailMessage) -> bool:
        encoding = email_message.encoding or settings.DEFAULT_CHARSET
        payload: bytes = email_message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # Django's own MIME class
        conversation = _Conversation(self.connection)
        try:
            delivery = conversation.hold(
                sanitize_address(email_message.from_email, encoding), email_message.recipients(), payload
            )
        except DeliveryError as error:
            error.connection_lost = error.connection_lost or not self._reset()
            if error.connection_lost:
                self.drop()
            raise
        except (OSError, SoftTimeLimitExceeded) as error:
            self.drop()
            raise _delivery_error(error, conversation.phase) from error
        except BaseException:
            self.drop()  # in the middle of a transaction: nobody may go on here
            raise
        email_message.delivery = delivery  # type: ignore[attr-defined]  # as anymail leaves `anymail_status`
        return True

    def _reset(self) -> bool:
        """Make the kept connection ready for the next message. False: it cannot be used any more."""
        try:
            return self.connection is not None and self.connection.rset()[0] == 250
        except OSError:
            return False


class _Conversation:
    """One message over one connection. ``phase`` tells how far it came."""

    def __init__(self, smtp: Any) -> None:
        self.smtp = smtp
        self.phase = Phase.ENVELOPE

    def hold(self, sender: str, recipients: list[str], payload: bytes) -> Delivery:
        self._expect(250, *self.smtp.mail(sender, self._options(payload)))
        accepted, for_good, for_now = self._recipients(recipients)
        self.phase = Phase.DATA
        self._expect(354, *self.smtp.docmd("DATA"))
        self._message(_dot_stuffed(payload))
        # All bytes, the last dot included, have left. From here on silence means that nobody can know, so this answer
        # is waited for longer than any other (RFC 5321 4.5.3.2.6).
        if self.smtp.sock is not None:
            self.smtp.sock.settimeout(settings.EMAIL_TIMEOUT_AFTER_DATA)
        reply = self._expect(250, *self.smtp.getreply())
        self.smtp.sock.settimeout(settings.EMAIL_TIMEOUT)
        return Delivery(reply=reply, accepted=accepted, refused_for_good=for_good, refused_for_now=for_now)

    def _message(self, stuffed: bytes) -> None:
        # Before, not after: the soft time limit comes out of a signal handler, so it may come in between.
        self.phase = Phase.AFTER_DATA
        try:
            self.smtp.send(stuffed)
        except OSError:
            self.phase = Phase.DATA  # some bytes have not left, and the dot is the last of them
            raise

    def _options(self, payload: bytes) -> list[str]:
        options = []
        if self.smtp.has_extn("size"):
            options.append(f"SIZE={len(payload)}")
        if self.smtp.has_extn("8bitmime") and not payload.isascii():
            options.append("BODY=8BITMIME")
        return options

    def _recipients(self, recipients: list[str]) -> tuple[list[str], dict[str, str], dict[str, str]]:
        accepted: list[str] = []
        for_good: dict[str, str] = {}
        for_now: dict[str, str] = {}
        for recipient in recipients:
            code, raw = self.smtp.rcpt(recipient)
            if code in (250, 251):
                accepted.append(recipient)
            elif code in (*_CONNECTION_LOST, *_SIGN_IN_REFUSED):
                self._expect(250, code, raw)
            elif _is_permanent(code) and not (code == 552 and accepted):
                for_good[recipient] = _text(code, raw)
            else:
                # 552 after others were taken means "too many recipients": to be tried again, RFC 5321 4.5.3.1.10.
                for_now[recipient] = _text(code, raw)
        if not accepted:
            raise _nobody_accepted(for_good, for_now)
        return accepted, for_good, for_now

    def _expect(self, wanted: int, code: int, raw: bytes) -> str:
        text = _text(code, raw)
        if code == wanted:
            return text
        kind = FailureKind.PERMANENT if _is_permanent(code) else FailureKind.TRANSIENT
        phase = self.phase
        lost = code in _CONNECTION_LOST
        if code == -1 and phase is Phase.AFTER_DATA:
            kind = FailureKind.UNKNOWN_OUTCOME
        if code in _SIGN_IN_REFUSED:
            kind, phase = FailureKind.TRANSIENT, Phase.CONNECT  # as in `open`: we were judged, not the e-mail
        raise DeliveryError(
            f"The server answered {text}",
            kind=kind,
            phase=phase,
            code=max(code, 0),
            reply=text,
            connection_lost=lost,
        )


def _nobody_accepted(for_good: dict[str, str], for_now: dict[str, str]) -> DeliveryError:
    reply = next(iter({**for_good, **for_now}.values()), "")
    return DeliveryError(
        f"Every recipient was refused: {reply}",
        kind=FailureKind.TRANSIENT if for_now else FailureKind.PERMANENT,
        phase=Phase.ENVELOPE,
        code=int(reply[:3] or 0),
        reply=reply,
        refused=for_good,
    )


def _delivery_error(error: Exception, phase: Phase) -> DeliveryError:
    code, raw = getattr(error, "smtp_code", 0), getattr(error, "smtp_error", b"")
    return DeliveryError(
        f"{type(error).__name__}: {error}",
        kind=FailureKind.UNKNOWN_OUTCOME if phase is Phase.AFTER_DATA else FailureKind.TRANSIENT,
        phase=phase,
        code=max(code, 0),
        reply=_text(code, raw) if code else "",
        connection_lost=True,
    )


def _is_permanent(code: int) -> bool:
    return 500 <= code <= 599


def _text(code: int, raw: bytes | str) -> str:
    text = raw.decode("utf-8", errors="replace") if isinstance(raw, bytes) else raw
    text = text.replace("\x00", "")  # PostgreSQL has no place for it
    return f"{code} {' '.join(text.split())}".strip()[:1000]


def _dot_stuffed(payload: bytes) -> bytes:
    """RFC 5321 4.5.2: a line that starts with a dot gets a second one, and a lone dot ends the message."""
    stuffed = re.sub(rb"(?m)^\.", b"..", payload)
    return stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n"
