"""Counts what goes to PostgreSQL: a proxy that reads the protocol, so that every contender is counted the same way.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

SSL_REQUEST, GSSENC_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102


@dataclass
class Counts:
    """``commits`` are counted as ``pg_stat_database.xact_commit`` does: a new connection is one, a bare SELECT too."""

    statements: int = 0
    commits: int = 0
    connections: int = 0
    texts: Counter[str] = field(default_factory=Counter)


class Wiretap:
    """Listens on a port of its own and passes everything on to the server."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._counts = Counts()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def reset(self) -> None:
        """Count from here."""
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """What was counted since the last reset."""
        return self._counts

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if not (first := await _startup(reader, writer)):
                return
            to_server = await asyncio.open_connection(*self._target)
            to_server[1].write(first)
            self._counts.connections += 1
            session = _Session(self)
            await asyncio.gather(
                _pass_on(reader, to_server[1], session.from_client), _pass_on(to_server[0], writer, session.from_server)
            )
        writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Session:
    """One connection: its prepared statements, and whether what ended last went well."""

    def __init__(self, tap: Wiretap) -> None:
        self._tap = tap
        self._prepared: dict[bytes, str] = {}
        self._portal = b""
        self._failed = False

    def from_client(self, kind: bytes, body: bytes) -> None:
        counts = self._tap.counts
        if kind == b"P":
            name, text, _ = body.split(b"\x00", 2)
            self._prepared[name] = text.decode(errors="replace")
        elif kind == b"B":
            self._portal = body.split(b"\x00", 2)[1]
        elif kind == b"E":
            counts.statements += 1
            counts.texts[self._prepared.get(self._portal, "?")] += 1
        elif kind == b"Q":
            counts.statements += 1
            counts.texts[body.rstrip(b"\x00").decode(errors="replace")] += 1

    def from_server(self, kind: bytes, body: bytes) -> None:
        if kind == b"E" or (kind == b"C" and body.startswith(b"ROLLBACK\x00")):
            self._failed = True
        elif kind == b"Z":
            # Idle again: a transaction has ended, be it one statement's own. The first one is the connection's.
            self._tap.counts.commits += body == b"I" and not self._failed
            self._failed = False


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return the message that opens a session. Encryption is declined: nobody could be counted through it."""
    while True:
        head = await reader.readexactly(8)
        length, code = int.from_bytes(head[:4]), int.from_bytes(head[4:])
        rest = await reader.readexactly(length - 8)
        if code == CANCEL_REQUEST:
            return b""
        if code not in (SSL_REQUEST, GSSENC_REQUEST):
            return head + rest
        writer.write(b"N")


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, look: Callable[[bytes, bytes], None]
) -> None:
    """Pass whole messages on, looking at each."""
    rest = b""
    while chunk := await reader.read(1 << 16):
        rest += chunk
        whole = 0
        while len(rest) - whole >= 5:
            end = whole + 1 + int.from_bytes(rest[whole + 1 : whole + 5])
            if len(rest) < end:
                break
            look(rest[whole : whole + 1], rest[whole + 5 : end])
            whole = end
        writer.write(rest[:whole])
        rest = rest[whole:]
        await writer.drain()
    writer.close()
