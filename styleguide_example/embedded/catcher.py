"""The mail catcher: an SMTP server on this machine that takes every message and delivers none."""

import asyncio
import ipaddress
import logging
from pathlib import Path
from typing import cast
from weakref import WeakKeyDictionary

import structlog
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from styleguide_example.embedded.answers import Answer, Stage, answer_take, answers_path
from styleguide_example.embedded.mailbox import caught_add

logger = structlog.get_logger(__name__)

#: A larger message is refused with 552, as a real server would.
MESSAGE_MAX_BYTES = 32 * 1024 * 1024
SILENCE_SECONDS = 10.0
#: Codes of RFC 3463 that say nothing about the address: the product does not suppress it.
REPLIES = {
    Answer.LATER: "451 4.3.0 Not now: ordered on the mailbox page",
    Answer.NEVER: "550 5.7.1 Refused: ordered on the mailbox page",
}


class Catcher:
    """Stores each message before it is accepted: what was answered with 250 is on the disk.

    Unless something else was ordered for it: then the message gets that, and the order is counted down.
    """

    def __init__(self, directory: Path, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self.directory = directory
        self.silence_seconds = silence_seconds
        #: By message, what was ordered for its recipients.
        self._reply_to_all: WeakKeyDictionary[Envelope, str | None] = WeakKeyDictionary()

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient. What is ordered for this step meets all recipients of a message, and counts once."""
        if envelope not in self._reply_to_all:
            self._reply_to_all[envelope] = await self._answer(server, envelope, Stage.RCPT, [address])
        reply = self._reply_to_all[envelope]
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  as above
        """Store the message, then answer."""
        reply = await self._answer(server, envelope, Stage.DATA, envelope.rcpt_tos)
        if reply:
            return reply
        stored = self._stored(envelope)
        return await self._answer(server, envelope, Stage.TAKEN, envelope.rcpt_tos) or stored

    def _stored(self, envelope: Envelope) -> str:
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

    async def _answer(self, server: SMTP, envelope: Envelope, stage: Stage, recipients: list[str]) -> str | None:
        """Do what is ordered for ``stage``. Returns the reply; None: go on as usual."""
        path = answers_path(self.directory)
        answer = answer_take(path, stage=stage, sender=envelope.mail_from or "", recipients=recipients)
        if answer is None:
            return None
        logger.info("mail_answered_on_demand", answer=str(answer), stage=str(stage))
        if answer is Answer.SILENCE:
            await asyncio.sleep(self.silence_seconds)
        if answer is Answer.CUT:
            cast("asyncio.WriteTransport", server.transport).abort()
            await asyncio.get_running_loop().create_future()  # never done: that the connection is lost cancels us
        return REPLIES.get(answer)


def catcher_start(
    *,
    directory: Path,
    host: str,
    port: int,
    message_max_bytes: int = MESSAGE_MAX_BYTES,
    silence_seconds: float = SILENCE_SECONDS,
) -> Controller:
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
        Catcher(directory, silence_seconds=silence_seconds),
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
