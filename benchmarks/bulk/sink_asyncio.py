"""The mail server of ``sink.c`` where there is no C compiler: the same words and figures, a tenth of the speed.

``python -m benchmarks.bulk.sink_asyncio SMTP_PORT CONTROL_PORT``
"""

import asyncio
import contextlib
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from email.parser import BytesHeaderParser

#: ``set`` changes them; see ``sink_control.h``.
TOLD = {
    "connection_ms": 0.0,
    "command_ms": 0.0,
    "message_ms": 0.0,
    "transient": 0.0,
    "permanent": 0.0,
    "cut": 0.0,
    "pipelining": 1.0,
    "together": 0.0,
}
COUNTS = (
    *("accepted", "duplicates", "message_ids_repeated", "transient", "permanent", "cut", "connections", "bytes"),
    *("commands", "unheard"),
)
MESSAGE_MAX = 64 << 20


class Seen:
    """What was seen since the last reset."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.recipients: dict[str, float] = {}
        self.message_ids: set[str] = set()
        self.open_most = 0
        self.first = self.last = 0.0

    def message(self, recipient: str) -> None:
        """Count a message that was taken."""
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.counts["accepted"] += 1
        self.counts["duplicates"] += recipient in self.recipients
        self.recipients.setdefault(recipient, self.last)

    def message_id(self, head: bytes) -> None:
        """Remember the Message-ID of a message that was taken."""
        found = BytesHeaderParser().parsebytes(head)["Message-ID"]
        if found is not None:
            self.counts["message_ids_repeated"] += found in self.message_ids
            self.message_ids.add(found)


class Server:
    """Both ports."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.conversations: set[asyncio.StreamWriter] = set()
        self.dice = random.Random(1)  # noqa: S311  the same run has the same faults

    async def smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation."""
        self.conversations.add(writer)
        self.seen.counts["connections"] += 1
        self.seen.open_most = max(self.seen.open_most, len(self.conversations))
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await Conversation(self, reader, writer).hold()
        self.conversations.discard(writer)
        writer.close()

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each line with one line."""
        while line := (await reader.readline()).decode().strip():
            writer.write(f"{self._answer(line)}\n".encode())
            await writer.drain()
        writer.close()

    def _answer(self, line: str) -> str:
        word, *rest = line.split()
        if word == "figures":
            return self._figures()
        if word == "reset":
            for writer in self.conversations:
                writer.close()
            self.conversations.clear()
            self.seen = Seen()
            return "ok"
        if word == "accepted" and rest:
            return f"{self.seen.recipients.get(rest[0], 0.0):.6f}"
        if word == "set" and len(rest) == 2 and rest[0] in TOLD:
            TOLD[rest[0]] = float(rest[1])
            return "ok"
        return "unknown"

    def _figures(self) -> str:
        seen = self.seen
        counts = {name: seen.counts[name] for name in COUNTS}
        sizes = {"distinct": len(seen.recipients), "message_ids": len(seen.message_ids)}
        now = {"open": len(self.conversations), "open_most": seen.open_most, "first": seen.first, "last": seen.last}
        return json.dumps({**counts, **sizes, **now, "cpu": time.process_time()})


class Conversation:
    """One connection."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.recipient = ""
        self.fate = ""

    async def hold(self) -> None:
        """Greet, and answer until one of the two hangs up."""
        await _wait("connection_ms")
        self.writer.write(b"220 sink ESMTP\r\n")
        waited = False
        while line := await self.reader.readline():
            self.server.seen.counts["commands"] += 1
            is_first = not (TOLD["together"] and waited)
            if is_first:
                await _wait("command_ms")
            # What has come already is answered in the same breath.
            waited = bool(getattr(self.reader, "_buffer", b""))
            if not await self._answer(line.decode(errors="replace").strip()):
                return

    async def _answer(self, line: str) -> bool:
        """Return whether the conversation goes on."""
        answers: dict[str, Callable[[str], str]] = {"EHLO": self._ehlo, "MAIL": self._mail, "RCPT": self._rcpt}
        word = line[:4].upper()
        if word == "DATA" and self.recipient:
            return await self._data()
        if word == "DATA":
            self._say("554 5.5.1 no valid recipients")
        elif word == "QUIT":
            self._say("221 2.0.0 bye")
        else:
            self._say(answers[word](line) if word in answers else "250 2.0.0 ok")
        return word != "QUIT"

    def _ehlo(self, line: str) -> str:
        pipelining = "250-PIPELINING\r\n" if TOLD["pipelining"] else ""
        return f"250-sink\r\n{pipelining}250-8BITMIME\r\n250 SIZE {MESSAGE_MAX}"

    def _mail(self, line: str) -> str:
        self.recipient = ""
        shares = [TOLD[name] for name in ("transient", "permanent", "cut")]
        (self.fate,) = self.server.dice.choices(
            ["transient", "permanent", "cut", ""], [*shares, max(1 - sum(shares), 0)]
        )
        return "250 2.1.0 sender"

    def _rcpt(self, line: str) -> str:
        if self.fate in ("transient", "permanent"):
            self.server.seen.counts[self.fate] += 1
            return "450 4.2.1 mailbox busy" if self.fate == "transient" else "550 5.1.1 nobody here"
        self.recipient = self.recipient or "".join(re.findall("<(.*?)>", line)[:1])
        return "250 2.1.5 recipient"

    async def _data(self) -> bool:
        seen = self.server.seen
        if self.fate == "cut":
            seen.counts["cut"] += 1
            return False
        self._say("354 go on")
        message = await _message(self.reader)
        seen.counts["bytes"] += len(message)
        seen.message_id(message.partition(b"\r\n\r\n")[0])
        await _wait("message_ms")
        seen.message(self.recipient)
        self._say("250 2.0.0 taken")
        return True

    def _say(self, text: str) -> None:
        self.writer.write(f"{text}\r\n".encode())


async def _message(reader: asyncio.StreamReader) -> bytes:
    line = await reader.readuntil(b"\r\n")
    if line == b".\r\n":
        return b""
    return line + await reader.readuntil(b"\r\n.\r\n")


async def _wait(name: str) -> None:
    if TOLD[name]:
        await asyncio.sleep(TOLD[name] / 1000)


async def _serve(smtp_port: int, control_port: int) -> None:
    server = Server()
    listening = [
        await asyncio.start_server(server.smtp, "127.0.0.1", smtp_port, limit=MESSAGE_MAX, backlog=1024),
        await asyncio.start_server(server.control, "127.0.0.1", control_port),
    ]
    ports = [each.sockets[0].getsockname()[1] for each in listening]
    sys.stdout.write(f"{ports[0]} {ports[1]}\n")
    sys.stdout.flush()
    await asyncio.gather(*(each.serve_forever() for each in listening))


if __name__ == "__main__":
    asyncio.run(_serve(*map(int, sys.argv[1:])))
