"""One connection to each mail server for each thread, kept over messages.

A new connection costs more than a message. A kept one may have been closed by the server meanwhile, which is nobody's
fault and not an attempt: it is opened again, once. Whoever ends a thread that sent something closes what it kept.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from styleguide_example.common.orphans import Owned
from styleguide_example.emails.backends import SMTPBackend
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import DeliveryError, EmailInvalidError

logger = structlog.get_logger(__name__)

#: The alias of the server that the settings ``EMAIL_*`` name.
DEFAULT_SERVER = "default"


@dataclass
class _Connection:
    backend: BaseEmailBackend
    opened_at: float = field(default_factory=time.monotonic)
    used_at: float = field(default_factory=time.monotonic)
    messages: int = 0

    @property
    def is_worn(self) -> bool:
        too_old = time.monotonic() - self.opened_at > settings.EMAIL_CONNECTION_MAX_AGE_SECONDS
        return bool(too_old or self.messages >= settings.EMAIL_CONNECTION_MAX_MESSAGES)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing speaks against using it as it is: it was used lately, and the server has not hung up."""
        if time.monotonic() - self.used_at > settings.EMAIL_CONNECTION_MAX_IDLE_SECONDS:
            return False
        return not isinstance(self.backend, SMTPBackend) or self.backend.is_quiet()

    def answers(self) -> bool:
        answers = not isinstance(self.backend, SMTPBackend) or self.backend.answers()
        self.used_at = time.monotonic()
        return answers


class _Kept(threading.local):
    """The thread's connections by alias. ``pid`` tells a child that it inherited sockets which it must not use."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.connections: dict[str, _Connection] = {}


_kept = _Kept()
#: The connections of each thread that has any.
_owned: Owned[dict[str, _Connection]] = Owned()


def connection_ensure(alias: str = DEFAULT_SERVER) -> BaseEmailBackend:
    """Return this thread's open connection to the server ``alias``: a new one when there is none that is still good.

    One that was idle for ``EMAIL_CONNECTION_MAX_IDLE_SECONDS`` is asked first whether it is.

    Raises:
        DeliveryError: transient, in the phase CONNECT.
    """
    with _timed():
        return _ensured(alias).backend


def connection_is_ready(alias: str = DEFAULT_SERVER) -> bool:
    """Return whether this thread could send to ``alias`` at once. Sends nothing and waits for nothing."""
    connection = _connections().get(alias)
    return connection is not None and not connection.is_worn and connection.is_fresh


def message_send(message: EmailMessage, alias: str = DEFAULT_SERVER) -> Delivery:
    """Send over the kept connection. Blocks for as long as the server takes, each answer at most ``EMAIL_TIMEOUT``.

    All of it, a connection that is opened again included, takes ``EMAIL_TIMEOUT_CONVERSATION`` at most: less than the
    lease of the e-mail, or another worker would send it too. Only a backend that is not ours may take longer.

    Raises:
        DeliveryError: with how far the conversation came.
    """
    began_at = time.monotonic()
    with _timed():
        delivery = _sent(message, alias, finish_by=began_at + settings.EMAIL_TIMEOUT_CONVERSATION)
    return replace(delivery, took_ms=_ms_since(began_at))


def _sent(message: EmailMessage, alias: str, *, finish_by: float) -> Delivery:
    # Whoever ensured a connection a moment ago gets that one, however old it has grown meanwhile.
    connection = _connections().get(alias) or _ensured(alias)
    is_reused = connection.messages > 0
    try:
        return _send(connection, message, finish_by)
    except DeliveryError as error:
        if error.connection_lost:
            _connections().pop(alias, None)
        if not (is_reused and _is_hang_up(error)):
            raise
    return _send(_ensured(alias), message, finish_by)


@contextmanager
def _timed() -> Iterator[None]:
    """Let a failure tell how long it took."""
    began_at = time.monotonic()
    try:
        yield
    except DeliveryError as error:
        error.took_ms = _ms_since(began_at)
        raise


def _ms_since(began_at: float) -> int:
    return round(1000 * (time.monotonic() - began_at))


def connection_close() -> None:
    """Say goodbye to every server that this thread said hello to."""
    _close_all(_connections())
    _owned.disown()


def connections_farewell() -> None:
    """The same for this thread, and for those of this process that have ended without a word."""
    connection_close()
    for left in _owned.orphans():
        _close_all(left)


def connection_forget() -> None:
    """Leave this thread's connections alone from now on."""
    _connections().clear()
    _owned.disown()


def server_names() -> list[str]:
    """Return what an e-mail may name: each alias, and nothing, which is the default one too."""
    return list(dict.fromkeys(["", DEFAULT_SERVER, *settings.EMAIL_SENDING_SERVERS]))


def server_check(alias: str) -> None:
    """Raises EmailInvalidError when the settings know no mail server ``alias``."""
    names = server_names()
    if alias not in names:
        known = ", ".join(filter(None, names))
        raise EmailInvalidError(f"There is no mail server {alias!r}. Name one of {known}, or add it to EMAIL_SERVERS.")


def _connections() -> dict[str, _Connection]:
    if _kept.pid != os.getpid():
        _kept.pid, _kept.connections = os.getpid(), {}
    return _kept.connections


def _ensured(alias: str) -> _Connection:
    connection = _connections().get(alias)
    if connection is not None:
        if not connection.is_worn and (connection.is_fresh or connection.answers()):
            return connection
        _close(_connections(), alias)
    backend = _backend(alias)
    _open(backend)
    connection = _connections()[alias] = _Connection(backend)
    _owned.own(_connections())
    return connection


def _backend(alias: str) -> BaseEmailBackend:
    if alias == DEFAULT_SERVER:
        backend: BaseEmailBackend = get_connection()
        return backend
    server: dict[str, Any] | None = settings.EMAIL_SENDING_SERVERS.get(alias)
    if server is None:
        raise DeliveryError(
            f"The settings know no mail server {alias!r} any more: add it to EMAIL_SERVERS again.",
            kind=FailureKind.TRANSIENT,
            phase=Phase.CONNECT,
        )
    # What is not said must not be taken from the default server, whose password is nobody else's business.
    other: BaseEmailBackend = get_connection(
        server["BACKEND"],
        host=server["host"],
        port=server["port"],
        username=server.get("username", ""),
        password=server.get("password", ""),
        use_tls=server.get("use_tls", False),
        use_ssl=server.get("use_ssl", False),
    )
    return other


def _close_all(kept: dict[str, _Connection]) -> None:
    for alias in list(kept):
        _close(kept, alias)


def _close(kept: dict[str, _Connection], alias: str) -> None:
    connection = kept.pop(alias)
    try:
        connection.backend.close()
    except OSError:
        return  # it was gone already
    except Exception:  # a backend that is not ours: what was sent is sent, and a farewell is no reason to forget it
        logger.exception("email_connection_not_closed", server=alias)


def _send(connection: _Connection, message: EmailMessage, finish_by: float) -> Delivery:
    connection.messages += 1
    if isinstance(connection.backend, SMTPBackend):
        connection.backend.finish_by = finish_by
    try:
        connection.backend.send_messages([message])
    except OSError as error:  # a backend that is not ours does not tell how far it came
        raise _foreign(error, FailureKind.UNKNOWN_OUTCOME, Phase.AFTER_DATA) from error
    finally:
        connection.used_at = time.monotonic()
    # Backends that are not ours (console, anymail) tell nothing; not to have raised is their yes.
    delivery: Delivery = getattr(message, "delivery", None) or Delivery(accepted=message.recipients())
    return delivery


def _is_hang_up(error: DeliveryError) -> bool:
    """Whether the server closed a kept connection between two messages, with a word (421) or without one."""
    return error.connection_lost and error.phase is Phase.ENVELOPE and error.code in (0, 421)


def _open(backend: BaseEmailBackend) -> None:
    try:
        backend.open()
    except OSError as error:  # a backend that is not ours
        raise _foreign(error, FailureKind.TRANSIENT, Phase.CONNECT) from error


def _foreign(error: OSError, kind: FailureKind, phase: Phase) -> DeliveryError:
    return DeliveryError(f"{type(error).__name__}: {error}", kind=kind, phase=phase, connection_lost=True)
