"""The bytes to and from an SMTP server: Python's client, with one deadline for everything that is said.

A time-out for each socket operation bounds no conversation: a server that lets a byte trickle now and then would hold
it for longer than the e-mail's lease, and the e-mail would be sent once more by another.
"""

import io
import smtplib
import ssl
import time
from collections.abc import Iterator
from socket import socket
from typing import Any

from django.conf import settings

#: So much leaves in one write. The operating system counts the time of a write as a whole, and a long message over a
#: slow line takes longer than a short one.
_CHUNK_BYTES = 256 * 1024


class Deadline:
    """When what is said has to be over. What reads and what writes share it."""

    def __init__(self, seconds: float) -> None:
        self.move(seconds)

    def move(self, seconds: float) -> None:
        """Begin anew: it is over in ``seconds``."""
        self._at = time.monotonic() + seconds

    def bound(self, sock: socket) -> None:
        """Let the next operation of ``sock`` take no longer than its time-out, nor than what is left.

        Raises:
            TimeoutError: nothing is left.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("The conversation was not over in time.")
        timeout = sock.gettimeout()
        if timeout is None or left < timeout:
            sock.settimeout(left)


class Transport(smtplib.SMTP):
    """A connection whose opening, and then whatever :meth:`allow` is called for, has to be over in time."""

    sock: socket | ssl.SSLSocket | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.deadline = Deadline(settings.EMAIL_TIMEOUT_CONVERSATION)
        super().__init__(*args, **kwargs)

    def allow(self, *, seconds: float, timeout: float | None) -> None:
        """Let what follows take ``seconds`` in all, and ``timeout`` each time that the server is waited for."""
        self.deadline.move(seconds)
        if self.sock is not None and self.sock.gettimeout() != timeout:
            self.sock.settimeout(timeout)

    def send(self, s: Any) -> None:
        """Write ``s``. What could not leave in time has left in part.

        Raises:
            SMTPServerDisconnected: the connection is closed.
        """
        for part in _parts(s):
            if self.sock is not None:
                self._bound(self.sock)
            super().send(part)

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer. Its code is one of SMTP's, or -1 when what came is no answer (RFC 5321 4.2).

        Raises:
            SMTPServerDisconnected: none came in time, or never would. The connection is closed.
        """
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("Not connected.")
        if self.file is None:
            self.file = io.BufferedReader(_Answers(self.sock, self.deadline))
        try:
            code, text = super().getreply()
        except smtplib.SMTPResponseException as error:  # a line without an end, for which a code was made up
            raise smtplib.SMTPServerDisconnected(f"No answer of SMTP: {error.smtp_error!r}") from error
        return (code if 200 <= code <= 599 else -1), text

    def _bound(self, sock: socket) -> None:
        try:
            self.deadline.bound(sock)
        except TimeoutError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(str(error)) from error


class TLSTransport(Transport, smtplib.SMTP_SSL):
    """The same under TLS from the first byte."""


class _Answers(io.RawIOBase):
    """What comes from the server, as long as there is time."""

    def __init__(self, sock: socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._deadline.bound(self._sock)
        return self._sock.recv_into(buffer)


def _parts(data: Any) -> Iterator[Any]:
    if len(data) <= _CHUNK_BYTES or isinstance(data, str):  # a command
        yield data
        return
    view = memoryview(data)
    for start in range(0, len(view), _CHUNK_BYTES):
        yield view[start : start + _CHUNK_BYTES]
