"""The mail catcher: an SMTP server on this machine that takes every message and delivers none."""

import ipaddress
import logging
from pathlib import Path

import structlog
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from styleguide_example.embedded.mailbox import caught_add

logger = structlog.get_logger(__name__)

#: A larger message is refused with 552, as a real server would.
MESSAGE_MAX_BYTES = 32 * 1024 * 1024


class Catcher:
    """Stores each message before it is accepted: what was answered with 250 is on the disk."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Store the message, then answer."""
        source = envelope.original_content or b""
        try:
            key = caught_add(
                self.directory,
                envelope_from=envelope.mail_from or "",
                envelope_to=envelope.rcpt_tos,
                source=source,
            )
        except OSError as error:
            logger.error("mail_not_stored", error=str(error))  # noqa: TRY400  one line says it all
            return "452 4.3.1 The mailbox cannot store this message now"
        logger.info("mail_caught", key=key, bytes=len(source), recipients=len(envelope.rcpt_tos))
        return f"250 2.0.0 Caught as {key}"


def catcher_start(*, directory: Path, host: str, port: int, message_max_bytes: int = MESSAGE_MAX_BYTES) -> Controller:
    """Listen on ``host`` and ``port`` in a thread. Returns a controller: end it with ``stop()``.

    Raises:
        ValueError: when ``host`` is not this machine: nobody else shall send mail here.
        OSError: when the port is taken.
    """
    if not is_loopback(host):
        raise ValueError(f"{host} is not this machine.")
    # It would log each command, addresses included.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    controller = Controller(
        Catcher(directory),
        hostname=host,
        port=port,
        data_size_limit=message_max_bytes,
        server_hostname="localhost",  # else it asks the resolver for a name, which takes seconds where there is none
        ident="mail catcher",
    )
    controller.start()
    return controller


def is_loopback(host: str) -> bool:
    """Return whether ``host`` can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
