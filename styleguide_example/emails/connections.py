"""One connection to the mail server for each thread, kept over messages.

A new connection costs more than a message. A kept one may have been closed by the server meanwhile, which is nobody's
fault and not an attempt: it is opened again, once.
"""

import os
import threading
import time

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from styleguide_example.emails.backends import Delivery
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import DeliveryError


class _Kept(threading.local):
    """The thread's connection. ``pid`` tells a child that it inherited its parent's socket and must not use it."""

    backend: BaseEmailBackend | None = None
    pid = 0
    opened_at = 0.0
    messages = 0


_kept = _Kept()


def connection_ensure() -> BaseEmailBackend:
    """Return this thread's open connection, a new one when there is none or it is too old.

    Raises:
        DeliveryError: transient, in the phase CONNECT.
    """
    kept = _kept_backend()
    if kept is not None and not _is_worn():
        return kept
    connection_close()
    backend: BaseEmailBackend = get_connection()
    _open(backend)
    _kept.backend, _kept.pid = backend, os.getpid()
    _kept.opened_at, _kept.messages = time.monotonic(), 0
    return backend


def message_send(message: EmailMessage) -> Delivery:
    """Send over the kept connection. Blocks for as long as the server takes, each answer at most ``EMAIL_TIMEOUT``.

    Raises:
        DeliveryError: with how far the conversation came.
    """
    # Whoever ensured a connection a moment ago gets that one, however old it has grown meanwhile.
    backend = _kept_backend() or connection_ensure()
    reused = _kept.messages > 0
    try:
        return _send(backend, message)
    except DeliveryError as error:
        if error.connection_lost:
            connection_forget()
        if not (reused and error.connection_lost and error.phase is Phase.ENVELOPE):
            raise
    # The server hung up between two messages.
    return _send(connection_ensure(), message)


def connection_close() -> None:
    """Say goodbye to the server, if this process is the one that said hello."""
    backend = _kept_backend()
    connection_forget()
    if backend is not None:
        try:
            backend.close()
        except OSError:
            return  # it was gone already


def connection_forget() -> None:
    """Leave the connection alone from now on."""
    _kept.backend = None


def _kept_backend() -> BaseEmailBackend | None:
    return _kept.backend if _kept.pid == os.getpid() else None


def _send(backend: BaseEmailBackend, message: EmailMessage) -> Delivery:
    _kept.messages += 1
    try:
        backend.send_messages([message])
    except OSError as error:  # a backend that is not ours does not tell how far it came
        raise _foreign(error, FailureKind.UNKNOWN_OUTCOME, Phase.AFTER_DATA) from error
    # Backends that are not ours (console, anymail) tell nothing; not to have raised is their yes.
    delivery: Delivery = getattr(message, "delivery", None) or Delivery(accepted=message.recipients())
    return delivery


def _open(backend: BaseEmailBackend) -> None:
    try:
        backend.open()
    except OSError as error:  # a backend that is not ours
        raise _foreign(error, FailureKind.TRANSIENT, Phase.CONNECT) from error


def _foreign(error: OSError, kind: FailureKind, phase: Phase) -> DeliveryError:
    return DeliveryError(f"{type(error).__name__}: {error}", kind=kind, phase=phase, connection_lost=True)


def _is_worn() -> bool:
    too_old = time.monotonic() - _kept.opened_at > settings.EMAIL_CONNECTION_MAX_AGE_SECONDS
    too_used = _kept.messages >= settings.EMAIL_CONNECTION_MAX_MESSAGES
    return bool(too_old or too_used)
