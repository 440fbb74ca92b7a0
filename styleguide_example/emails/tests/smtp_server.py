"""An SMTP server on loopback that fails on command, at any step: the outermost edge of the tests.

Plain sockets rather than aiosmtpd, because a server that hangs up in the middle of DATA or falls silent after it is not
something a well-behaved library offers.
"""

import socketserver
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

HANG_UP = "hang up"
SILENCE = "silence"
#: For the step ``message``: the server keeps the message, and the sender never hears of it.
TAKEN_THEN_HANG_UP = f"250 {HANG_UP}"
TAKEN_THEN_SILENCE = f"250 {SILENCE}"
#: For any step: wait until ``server.released`` is set, then go on as usual.
HOLD = "hold"


@dataclass(frozen=True)
class Received:
    """A message that the server answered with 250."""

    sender: str
    recipients: list[str]
    data: bytes
    at: float = field(default_factory=time.time)

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.data, policy=policy.default)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])


class SMTPServer(socketserver.ThreadingTCPServer):
    """``with SMTPServer() as server``: listens at once; ``server.script`` tells what goes wrong next, step by step.

    Steps: ``connect``, ``ehlo``, ``mail``, ``rcpt``, ``data`` (the answer to the command), ``body`` (while the message
    arrives), ``message`` (the answer to the whole message; the message is kept when a scripted answer starts with 250),
    ``next`` (after a message was taken). An answer is a reply line, ``HANG_UP`` or ``SILENCE``. Each is used once.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Conversation)
        self.received: list[Received] = []
        self.connections = 0
        self.farewells = 0
        self.script: dict[str, deque[str]] = defaultdict(deque)
        self.refusals: dict[str, str] = {}
        self.silent_for: set[str] = set()
        self.seconds_per_message = 0.0
        self.arrived = threading.Condition()
        self.reached: dict[str, threading.Event] = defaultdict(threading.Event)
        self.released = threading.Event()
        self.stopped = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def fail(self, step: str, *answers: str) -> None:
        """The next times that ``step`` is reached, answer so."""
        self.script[step].extend(answers)

    def copies(self) -> Counter[str]:
        """How often each Message-ID arrived."""
        return Counter(received.message_id for received in self.received)

    def wait_for(self, count: int, timeout: float = 30) -> list[Received]:
        """Return as soon as ``count`` messages were taken."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, timeout), (
                f"{len(self.received)} of {count} messages after {timeout} s"
            )
        return self.received

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self.released.set()
        self.shutdown()
        self.server_close()


class _HungUpError(Exception):
    pass


class _Conversation(socketserver.StreamRequestHandler):
    server: SMTPServer

    def handle(self) -> None:
        self.server.connections += 1
        try:
            self._answer("connect", "220 test")
            self._commands()
        except (_HungUpError, ConnectionError):
            return

    def _commands(self) -> None:  # noqa: C901  a table of commands
        sender: str | None = None
        recipients: list[str] = []
        for raw in iter(self.rfile.readline, b""):
            verb, _, rest = raw.decode(errors="replace").strip().partition(" ")
            address = rest.partition("<")[2].partition(">")[0]
            match verb.upper():
                case "EHLO" | "HELO":
                    self._answer("ehlo", "250-test\r\n250-8BITMIME\r\n250 SIZE 50000000")
                case "MAIL" if sender is not None:
                    self._say("503 one at a time")  # RFC 5321 4.1.4: end it with RSET or DATA first
                case "MAIL":
                    if self._answer("mail", "250 sender ok").startswith("250"):
                        sender, recipients = address, []
                case "RCPT":
                    refusal = self.server.refusals.get(address)
                    if self._answer("rcpt", refusal or "250 recipient ok").startswith("25"):
                        recipients.append(address)
                case "DATA":
                    self._data(sender or "", recipients)
                    sender = None
                case "RSET":
                    sender = None
                    self._say("250 ok")
                case "NOOP":
                    self._say("250 ok")
                case "QUIT":
                    self.server.farewells += 1
                    self._say("221 bye")
                    return
                case _:
                    self._say("500 what?")

    def _data(self, sender: str, recipients: list[str]) -> None:
        if not self._answer("data", "354 go on").startswith("354"):
            return
        if self.server.silent_for.intersection(recipients):
            self.server.fail("body", SILENCE)
        if self.server.script["body"]:
            self.rfile.readline()
            self._answer("body", "")
        lines = list(_until_dot(self.rfile))
        self.server.stopped.wait(self.server.seconds_per_message)
        received = Received(sender, recipients, b"".join(lines))
        if self.server.script["message"] and not self.server.script["message"][0].startswith(("250", HOLD)):
            self._answer("message", "")
            return
        with self.server.arrived:
            self.server.received.append(received)
            self.server.arrived.notify_all()
        self._answer("message", f"250 taken {len(self.server.received)}")
        if self.server.script["next"]:
            self._answer("next", "")

    def _answer(self, step: str, usual: str) -> str:
        scripted = self.server.script[step]
        answer = scripted.popleft() if scripted else usual
        self.server.reached[step].set()
        if answer == HOLD:
            self.server.released.wait(60)
            answer = usual
        if answer.endswith(SILENCE):
            self.server.stopped.wait(60)
            raise _HungUpError
        if answer.endswith(HANG_UP):
            raise _HungUpError
        if answer:
            self._say(answer)
        if answer.startswith("421"):
            raise _HungUpError
        return answer

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
        self.wfile.flush()


def _until_dot(stream: "socketserver._BufferedReader") -> Iterator[bytes]:  # type: ignore[name-defined]
    for line in iter(stream.readline, b""):
        if line == b".\r\n":
            return
        yield line[1:] if line.startswith(b".") else line
    raise _HungUpError
