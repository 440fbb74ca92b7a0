"""An SMTP server on loopback that fails on command, at any step: the outermost edge of the tests.

Plain sockets rather than aiosmtpd, because a server that hangs up in the middle of DATA or falls silent after it is not
something a well-behaved library offers.
"""

import socket
import socketserver
import ssl
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

HANG_UP = "hang up"
SILENCE = "silence"
#: For the step ``message``: the server keeps the message, and the sender never hears of it.
TAKEN_THEN_HANG_UP = f"250 {HANG_UP}"
TAKEN_THEN_SILENCE = f"250 {SILENCE}"
#: For any step: an answer without an end, a line now and then.
TRICKLE = "trickle"
#: For the step ``message``: the server keeps the message, and says so without an end.
TAKEN_THEN_TRICKLE = f"250 {TRICKLE}"
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
        return str(BytesHeaderParser(policy=policy.default).parsebytes(self.data)["Message-ID"])


class SMTPServer(socketserver.ThreadingTCPServer):
    """``with SMTPServer() as server``: listens at once; ``server.script`` tells what goes wrong next, step by step.

    Steps: ``connect``, ``ehlo``, ``auth``, ``mail``, ``rcpt``, ``data`` (the answer to the command), ``body`` (while
    the message arrives), ``message`` (the answer to the whole message; the message is kept when a scripted answer
    starts with 250), ``next`` (after a message was taken), ``rset``, ``noop``, ``quit``. An answer is a reply line,
    ``HANG_UP``, ``SILENCE`` or ``TRICKLE``. Each is used once.

    ``refusals`` answer RCPT for an address, or for a domain that is written ``@example.org``, as long as they stand.
    ``extensions`` is what EHLO announces. With ``certificate`` (a file with its key) it starts TLS when asked to, or at
    once where ``tls_at_once`` says so.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int = 0, *, certificate: Path | None = None, tls_at_once: bool = False) -> None:
        super().__init__(("127.0.0.1", port), _Conversation)
        self.received: list[Received] = []
        self.connections = 0
        self.connected: set[_Conversation] = set()
        self.connected_peak = 0
        self.farewells = 0
        self.script: dict[str, deque[str]] = defaultdict(deque)
        self.refusals: dict[str, str] = {}
        self.extensions = ["8BITMIME", "PIPELINING", "SIZE 50000000"]
        self.silent_for: set[str] = set()
        #: The ports of the clients that wait for an answer in vain.
        self.silent_to: set[int] = set()
        self.seconds_per_connection = 0.0
        self.seconds_per_command = 0.0
        self.seconds_per_message = 0.0
        self.seconds_per_drop = 0.02
        self.commands: Counter[str] = Counter()
        self.tls_at_once = tls_at_once
        self.tls: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
            self.extensions.append("STARTTLS")
        self.arrived = threading.Condition()
        self.reached: dict[str, threading.Event] = defaultdict(threading.Event)
        self.released = threading.Event()
        self.stopped = threading.Event()
        self.between_messages: set[socket.socket] = set()

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
        for connection in list(
            self.between_messages
        ):  # else a client that keeps it would go on with a server that ended
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.shutdown()
        self.server_close()


class _HungUpError(Exception):
    pass


class _Conversation(socketserver.StreamRequestHandler):
    server: SMTPServer
    # Else an answer waits for the confirmation of the one before it, which the client's kernel delays by 40 ms.
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with self.server.arrived:
            self.server.connections += 1
            self.server.connected.add(self)
            self.server.connected_peak = max(len(self.server.connected), self.server.connected_peak)
        try:
            if self.server.tls_at_once:
                self._start_tls()
            self.server.stopped.wait(self.server.seconds_per_connection)
            self._answer("connect", "220 test")
            self._commands()
        except (_HungUpError, ConnectionError, ssl.SSLError):
            return
        finally:
            self._leave()

    def _leave(self) -> None:
        with self.server.arrived:
            self.server.connected.discard(self)

    def finish(self) -> None:
        super().finish()
        if isinstance(self.connection, ssl.SSLSocket):  # which is not the one that the server closes
            self.connection.close()

    def _commands(self) -> None:  # noqa: C901, PLR0912  a table of commands
        sender: str | None = None
        recipients: list[str] = []
        while raw := self._command(is_between_messages=sender is None):
            verb, _, rest = raw.decode(errors="replace").strip().partition(" ")
            address = rest.partition("<")[2].partition(">")[0]
            self.server.commands[verb.upper()] += 1
            self.server.stopped.wait(self.server.seconds_per_command)
            match verb.upper():
                case "EHLO" | "HELO":
                    lines = ["test", *self.server.extensions]
                    self._answer("ehlo", "\r\n".join(f"250-{line}" for line in lines[:-1]) + f"\r\n250 {lines[-1]}")
                case "STARTTLS" if self.server.tls:
                    self._say("220 go on")
                    self._start_tls()
                case "AUTH":
                    self._answer("auth", "535 5.7.8 who?")
                case "MAIL" if sender is not None:
                    self._say("503 one at a time")  # RFC 5321 4.1.4: end it with RSET or DATA first
                case "MAIL":
                    if self._answer("mail", "250 sender ok").startswith("250"):
                        sender, recipients = address, []
                case "RCPT":
                    if self._answer("rcpt", self._usual_for(sender, address)).startswith("25"):
                        recipients.append(address)
                case "DATA":
                    if self._data(sender or "", recipients):
                        sender, recipients = None, []
                case "RSET":
                    sender, recipients = None, []
                    self._answer("rset", "250 ok")
                case "NOOP":
                    self._answer("noop", "250 ok")
                case "QUIT":
                    self.server.farewells += 1
                    self._leave()  # before the client, who opens its next one as soon as it has read this
                    self._answer("quit", "221 bye")
                    return
                case _:
                    self._say("500 what?")

    def _command(self, *, is_between_messages: bool) -> bytes:
        if not is_between_messages:
            return self.rfile.readline()
        self.server.between_messages.add(self.connection)
        try:
            return b"" if self.server.stopped.is_set() else self.rfile.readline()
        finally:
            self.server.between_messages.discard(self.connection)

    def _usual_for(self, sender: str | None, address: str) -> str:
        if sender is None:
            return "503 who from?"
        refusals = self.server.refusals
        return refusals.get(address) or refusals.get("@" + address.rpartition("@")[2]) or "250 recipient ok"

    def _start_tls(self) -> None:
        assert self.server.tls
        for file in (self.rfile, self.wfile):
            file.close()
        # What the client sent before, in the clear, is gone with the buffer, as it has to be (RFC 3207 4.2).
        self.request = self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.setup()

    def _data(self, sender: str, recipients: list[str]) -> bool:
        """Whether the message came, which ends the transaction."""
        if not self._answer("data", "354 go on" if recipients else "503 for whom?").startswith("354"):
            return False
        is_silent = bool(self.server.silent_for.intersection(recipients))
        if is_silent or self.server.script["body"]:
            self.rfile.readline()
            self._answer("body", SILENCE if is_silent else "")
        lines = list(_until_dot(self.rfile))
        self.server.stopped.wait(self.server.seconds_per_message)
        received = Received(sender, recipients, b"".join(lines))
        script = self.server.script["message"]
        if not recipients or (script and not script[0].startswith(("250", HOLD))):
            self._answer("message", "554 for nobody")
            return True
        with self.server.arrived:
            self.server.received.append(received)
            self.server.arrived.notify_all()
        self._answer("message", f"250 taken {len(self.server.received)}")
        if self.server.script["next"]:
            self._answer("next", "")
        return True

    def _answer(self, step: str, usual: str) -> str:
        scripted = self.server.script[step]
        answer = scripted.popleft() if scripted else usual
        self.server.reached[step].set()
        if answer == HOLD:
            self.server.released.wait(60)
            answer = usual
        if answer.endswith(SILENCE):
            self.server.silent_to.add(int(self.client_address[1]))
            self.server.stopped.wait(60)
            raise _HungUpError
        if answer.endswith(TRICKLE):
            self._trickle(usual[:3] or "250")
        if answer.endswith(HANG_UP):
            raise _HungUpError
        if answer:
            self._say(answer)
        if answer.startswith("421"):
            raise _HungUpError
        return answer

    def _trickle(self, code: str) -> NoReturn:
        while not self.server.stopped.wait(self.server.seconds_per_drop):
            self._say(f"{code}-wait")
        raise _HungUpError

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
        self.wfile.flush()


def _until_dot(stream: "socketserver._BufferedReader") -> Iterator[bytes]:  # type: ignore[name-defined]
    for line in iter(stream.readline, b""):
        if line == b".\r\n":
            return
        yield line[1:] if line.startswith(b".") else line
    raise _HungUpError
