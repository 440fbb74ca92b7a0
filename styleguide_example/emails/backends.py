"""The connection to an SMTP server: opened, kept fit, closed. What is said over it: :mod:`.conversations`.

Django's backend hides how far a failed conversation came, and ignores that one of several recipients was refused. Both
decide what happens next.
"""

import select
import socket
import ssl
import time
from contextlib import suppress
from email.utils import parseaddr
from functools import cached_property, lru_cache

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

from styleguide_example.emails.conversations import Conversation, delivery_error
from styleguide_example.emails.enums import Phase
from styleguide_example.emails.exceptions import DeliveryError
from styleguide_example.emails.transports import TLSTransport, Transport

_FAREWELL_SECONDS = 2


@lru_cache
def ssl_context() -> ssl.SSLContext:
    """Return what verifies a server's certificate and name. Made once: it reads every authority that is trusted."""
    return ssl.create_default_context()


class SMTPBackend(EmailBackend):
    """Django's SMTP backend that raises :class:`DeliveryError` and leaves a :class:`Delivery` on the message."""

    connection: Transport | None
    #: On the monotonic clock: the next message has to be through by then. None: it has as long as any.
    finish_by: float | None = None

    @property
    def connection_class(self) -> type[Transport]:
        """The one that keeps to a deadline."""
        return TLSTransport if self.use_ssl else Transport

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """The one that all connections of this process share, unless we show a certificate too."""
        if not self.ssl_certfile:
            return ssl_context()
        context = ssl.create_default_context()
        context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
        return context

    def open(self) -> bool | None:
        """Connect, greet, start TLS, sign in.

        Every failure here is transient, even a 5xx: the server judged us, not the e-mail, and a wrong password in the
        settings must not end all e-mails of the day for good.
        """
        if self.connection is not None:
            return False
        try:
            return self._connect()
        except (OSError, ValueError, SoftTimeLimitExceeded) as error:
            # SMTPException and SSLError are OSErrors; a name or password that is not ASCII is a ValueError.
            self.drop()
            raise delivery_error(error, Phase.CONNECT) from error

    def close(self) -> None:
        """Say goodbye. Waits only a moment for the server's."""
        if self.connection is not None:
            self.connection.allow(seconds=_FAREWELL_SECONDS, timeout=_FAREWELL_SECONDS)
        super().close()

    def drop(self) -> None:
        """Close the socket without a farewell, which a server that is gone or hangs would not answer."""
        for name in ("connection", "_partial_connection"):
            connection: Transport | None = getattr(self, name, None)
            if connection is not None:
                connection.close()
            setattr(self, name, None)

    def is_quiet(self) -> bool:
        """Whether the server has said nothing since, as it does when it hangs up. Asks the socket, not the server."""
        if self.connection is None or self.connection.sock is None:
            return False
        poll = select.poll()
        poll.register(self.connection.sock, select.POLLIN)
        return not poll.poll(0)

    def answers(self) -> bool:
        """Ask the server whether the connection still works. One that does not is dropped."""
        answered = False
        try:
            with suppress(OSError):
                answered = self.connection is not None and self._noop(self.connection)
        finally:
            if not answered:
                self.drop()
        return answered

    def _noop(self, connection: Transport) -> bool:
        connection.allow(seconds=self.timeout or settings.EMAIL_TIMEOUT_CONVERSATION, timeout=self.timeout)
        return connection.noop()[0] == 250

    def _connect(self) -> bool | None:
        opened = super().open()
        if self.connection is not None and self.connection.sock is not None:
            self.connection.ehlo_or_helo_if_needed()
            # Else the end of a message waits until the server has confirmed its beginning (Nagle).
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def _send(self, email_message: EmailMessage) -> bool:
        encoding = str(email_message.encoding or settings.DEFAULT_CHARSET)
        payload = _payload(email_message)
        if self.connection is not None:
            self.connection.allow(seconds=self._seconds_left(), timeout=self.timeout)
        conversation = Conversation(self.connection, timeout=self.timeout)
        try:
            delivery = conversation.hold(
                _envelope_sender(email_message.from_email, encoding), email_message.recipients(), payload
            )
        except DeliveryError as error:
            if error.connection_lost:
                self.drop()
            raise
        except (OSError, SoftTimeLimitExceeded) as error:
            self.drop()
            raise delivery_error(error, conversation.phase) from error
        except BaseException:
            self.drop()  # in the middle of a transaction: nobody may go on here
            raise
        email_message.delivery = delivery  # type: ignore[attr-defined]  # as anymail leaves `anymail_status`
        return True

    def _seconds_left(self) -> float:
        if self.finish_by is None:
            return float(settings.EMAIL_TIMEOUT_CONVERSATION)
        return self.finish_by - time.monotonic()


@lru_cache
def _envelope_sender(address: str, encoding: str) -> str:
    sanitized = sanitize_address(address, encoding)
    return parseaddr(sanitized)[1] or sanitized


def _payload(message: EmailMessage) -> bytes:
    """The bytes of ``message`` with the line ends of SMTP, which ours keeps and Django's builds anew."""
    kept = getattr(message, "payload", None)
    payload: bytes = kept() if kept else message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # Django's own MIME class
    return payload
