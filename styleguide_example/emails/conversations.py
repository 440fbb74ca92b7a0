"""The conversation with an SMTP server, told step by step: one message over one connection.

RFC 5321, and RFC 2920 where the server knows it: then sender, recipients and DATA leave in one write, and the answers
are read in their order, so that the outcome is the same. Nothing is in doubt before the last dot has left.
"""

import re
import smtplib
from dataclasses import dataclass, field
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import DeliveryError

#: Sign in first, start TLS first, or not with this password: RFC 4954 6.
_SIGN_IN_REFUSED = (530, 534, 535, 538)
#: -1 is smtplib's word for an answer that is not SMTP; 421 says that the server closes the connection.
_CONNECTION_LOST = (-1, 421)
_ACCEPTED = (250, 251)
#: So few commands and answers fit into the buffers on the way, and nobody waits for the other to read (RFC 2920 3.1).
_PIPELINED_RECIPIENTS_MAX = 50
#: What needs no parser.
_PLAIN_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Delivery:
    """What the server said when it took the message, and for whom."""

    reply: str = ""
    accepted: list[str] = field(default_factory=list)
    refused_for_good: dict[str, str] = field(default_factory=dict)
    refused_for_now: dict[str, str] = field(default_factory=dict)
    took_ms: int | None = None


class Conversation:
    """One message over one connection. ``phase`` tells how far it came."""

    def __init__(self, smtp: Any, *, timeout: float | None) -> None:
        self.smtp = smtp
        self.timeout = timeout
        self.phase = Phase.ENVELOPE
        self._is_anybody_accepted = False
        #: Answers to commands that have left and were not read yet, the last one to DATA.
        self._owed = 0

    def hold(self, sender: str, recipients: list[str], payload: bytes) -> Delivery:
        """Hand over ``payload``. Afterwards the connection is fit for the next one, or the error says that it is lost.

        Raises:
            DeliveryError: what the server said, when it was no.
            OSError: the connection broke, or the server was silent for too long.
            ValueError: an address that cannot be in a command. Nothing has left.
        """
        try:
            return self._held(sender, recipients, payload)
        except DeliveryError as error:
            error.connection_lost = error.connection_lost or not self._is_ready_again()
            raise

    def _held(self, sender: str, recipients: list[str], payload: bytes) -> Delivery:
        mail = _command("MAIL FROM:", sender, self._options(payload))
        commands = {recipient: _command("RCPT TO:", recipient) for recipient in recipients}
        if self.smtp.has_extn("pipelining") and len(commands) <= _PIPELINED_RECIPIENTS_MAX:
            self.smtp.send(b"".join([mail, *commands.values(), b"DATA\r\n"]))
            self._owed = len(commands) + 2
        self._expect(250, *self._answer(mail))
        accepted, for_good, for_now = self._recipients(commands)
        self.phase = Phase.DATA
        self._expect(354, *self._answer(b"DATA\r\n"))
        self._message(_dot_stuffed(payload))
        # All bytes, the last dot included, have left. From here on silence means that nobody can know, so this answer
        # is waited for longer than any other (RFC 5321 4.5.3.2.6).
        if self.smtp.sock is not None:
            self.smtp.sock.settimeout(settings.EMAIL_TIMEOUT_AFTER_DATA)
        code, raw = self.smtp.getreply()
        self.smtp.sock.settimeout(self.timeout)
        self._expect(250, code, raw)
        return Delivery(reply=_text(code, raw), accepted=accepted, refused_for_good=for_good, refused_for_now=for_now)

    def _answer(self, command: bytes) -> tuple[int, bytes]:
        """Return the answer to ``command``, which is sent now unless it has left already."""
        if self._owed:
            self._owed -= 1
        else:
            self.smtp.send(command)
        answer: tuple[int, bytes] = self.smtp.getreply()
        return answer

    def _message(self, stuffed: bytes) -> None:
        # Before, not after: the soft time limit comes out of a signal handler, so it may come in between.
        self.phase = Phase.AFTER_DATA
        try:
            self.smtp.send(stuffed)
        except OSError:
            self.phase = Phase.DATA  # some bytes have not left, and the dot is the last of them
            raise

    def _options(self, payload: bytes) -> str:
        size = f" SIZE={len(payload)}" if self.smtp.has_extn("size") else ""
        return size + (" BODY=8BITMIME" if self.smtp.has_extn("8bitmime") and not payload.isascii() else "")

    def _recipients(self, commands: dict[str, bytes]) -> tuple[list[str], dict[str, str], dict[str, str]]:
        accepted: list[str] = []
        for_good: dict[str, str] = {}
        for_now: dict[str, str] = {}
        for recipient, command in commands.items():
            code, raw = self._answer(command)
            if code in _ACCEPTED:
                accepted.append(recipient)
                self._is_anybody_accepted = True
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

    def _is_ready_again(self) -> bool:
        """Make the connection ready for the next message. False: it cannot be used any more.

        What the server said is known and must be told: nothing that goes wrong here rises.
        """
        try:
            return self._is_settled() and self.smtp.rset()[0] == 250
        except (OSError, SoftTimeLimitExceeded):
            return False

    def _is_settled(self) -> bool:
        """Read the answers that are owed. DATA was said in advance, so the server may now wait for the message."""
        code = 0
        while self._owed:
            code, _ = self._answer(b"")
            if code in _CONNECTION_LOST:
                return False
            self._is_anybody_accepted |= code in _ACCEPTED
        return code != 354 or self._is_empty_message_refused()

    def _is_empty_message_refused(self) -> bool:
        """The lone dot of RFC 2920 3.1, for a server that says "go on" though it accepted nobody."""
        if self._is_anybody_accepted:
            return False  # they would get an empty message: only a hang-up ends this without one
        self.smtp.send(b".\r\n")
        return 400 <= int(self.smtp.getreply()[0]) <= 599

    def _expect(self, wanted: int, code: int, raw: bytes) -> None:
        if code == wanted:
            return
        text = _text(code, raw)
        kind = FailureKind.PERMANENT if _is_permanent(code) else FailureKind.TRANSIENT
        phase = self.phase
        lost = code in (*_CONNECTION_LOST, *_SIGN_IN_REFUSED)  # it stays refused until somebody signs in anew
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
        is_about_recipients=True,
    )


def delivery_error(error: Exception, phase: Phase) -> DeliveryError:
    """Return what ``error``, which ended the connection in ``phase``, means for the e-mail."""
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


def _command(verb: str, address: str, options: str = "") -> bytes:
    """Return the line. Raises ValueError for an address that would end the line, or that SMTP has no letters for."""
    if "\r" in address or "\n" in address:
        raise ValueError("An address must not hold line ends.")
    path = f"<{address}>" if _PLAIN_ADDRESS.fullmatch(address) else smtplib.quoteaddr(address)
    return f"{verb}{path}{options}\r\n".encode("ascii")


def _dot_stuffed(payload: bytes) -> bytes:
    """RFC 5321 4.5.2: a line that starts with a dot gets a second one, and a lone dot ends the message."""
    stuffed = payload.replace(b"\n.", b"\n..")
    return b"%b%b%b.\r\n" % (
        b"." if stuffed.startswith(b".") else b"",
        stuffed,
        b"" if stuffed.endswith(b"\r\n") else b"\r\n",
    )
