"""A connection with one deadline for everything that is said over it."""

import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pytest_django import Settings

from styleguide_example.common.tests.sockets import SilentServer
from styleguide_example.emails.tests.smtp_server import TRICKLE, SMTPServer
from styleguide_example.emails.transports import Transport

PATIENCE = 10  # seconds; only a hang lasts so long
LITTLE = 0.3  # seconds


@pytest.fixture
def server() -> Iterator[SMTPServer]:
    with SMTPServer() as running:
        yield running


@contextmanager
def _connected(port: int) -> Iterator[Transport]:
    transport = Transport("127.0.0.1", port, "test", timeout=PATIENCE)
    try:
        yield transport
    finally:
        transport.close()


@contextmanager
def _takes_little_time() -> Iterator[None]:
    began_at = time.monotonic()
    yield
    assert time.monotonic() - began_at < PATIENCE / 2


class TestOpening:
    def test_is_over_in_time_though_the_greeting_has_no_end(self, server: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_TIMEOUT_CONVERSATION = LITTLE
        server.fail("connect", TRICKLE)
        with _takes_little_time(), pytest.raises(smtplib.SMTPServerDisconnected, match=r"timed out|not over"):
            Transport("127.0.0.1", server.port, "test", timeout=PATIENCE)


class TestAnswer:
    def test_without_an_end_is_waited_for_as_long_as_is_left(self, server: SMTPServer) -> None:
        server.fail("noop", TRICKLE)
        with _connected(server.port) as transport:
            transport.allow(seconds=LITTLE, timeout=PATIENCE)
            with _takes_little_time(), pytest.raises(smtplib.SMTPServerDisconnected, match=r"timed out|not over"):
                transport.noop()
            assert transport.sock is None

    def test_is_not_waited_for_when_nothing_is_left(self, server: SMTPServer) -> None:
        with _connected(server.port) as transport:
            transport.allow(seconds=0, timeout=PATIENCE)
            with pytest.raises(smtplib.SMTPServerDisconnected, match=r"timed out|not over"):
                transport.getreply()

    def test_is_waited_for_as_long_as_any_after_a_hurry(self, server: SMTPServer) -> None:
        with _connected(server.port) as transport:
            transport.allow(seconds=LITTLE, timeout=PATIENCE)
            transport.noop()
            transport.allow(seconds=60, timeout=PATIENCE)
            assert transport.sock is not None
            assert transport.sock.gettimeout() == PATIENCE

    @pytest.mark.parametrize(
        "answer",
        ["5", "5 no", "25 ok", "-25 ok", "1_0 ok", "+25 ok", "100 wait", "000", "600 more", "999", "", "<html>"],
    )
    def test_that_is_none_of_smtp_has_no_code(self, server: SMTPServer, answer: str) -> None:
        server.fail("noop", f"{answer}\r\n" if answer else "\r\n")
        with _connected(server.port) as transport:
            assert transport.noop()[0] == -1

    def test_in_a_line_without_an_end_is_none(self, server: SMTPServer) -> None:
        server.fail("noop", "250 " + "x" * 10_000)
        with _connected(server.port) as transport, pytest.raises(smtplib.SMTPServerDisconnected, match="No answer"):
            transport.noop()

    def test_is_awaited_by_nobody_who_is_not_connected(self) -> None:
        with pytest.raises(smtplib.SMTPServerDisconnected):
            Transport().getreply()


class _SlowReader:
    """Reads so many bytes a second, in small portions."""

    def __init__(self, per_second: int) -> None:
        self._portion = per_second // 50
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.port = int(self._listening.getsockname()[1])
        self.bytes = 0

    def _read(self) -> None:
        client, _ = self._listening.accept()
        with client:
            client.sendall(b"220 test\r\n")
            while not self._stopped.wait(0.02) and (came := client.recv(self._portion)):
                self.bytes += len(came)

    def __enter__(self) -> "_SlowReader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(PATIENCE)
        self._listening.close()


class TestSending:
    def test_goes_on_while_the_server_reads_however_long_it_takes_as_a_whole(self) -> None:
        timeout = 1.0
        with _SlowReader(per_second=5_000_000) as reader, _connected(reader.port) as transport:
            transport.allow(seconds=PATIENCE, timeout=timeout)
            began_at = time.monotonic()
            transport.send(bytes(9_000_000))
            assert time.monotonic() - began_at > timeout

    def test_ends_in_time_though_the_server_reads_now_and_then(self) -> None:
        with _SlowReader(per_second=100_000) as reader, _connected(reader.port) as transport:
            transport.allow(seconds=LITTLE, timeout=PATIENCE)
            with _takes_little_time(), pytest.raises(smtplib.SMTPServerDisconnected):
                transport.send(bytes(20_000_000))
            assert transport.sock is None

    def test_does_not_begin_when_nothing_is_left(self) -> None:
        with SilentServer() as server:
            transport = Transport()
            transport.sock = socket.create_connection(("127.0.0.1", server.port))
            transport.allow(seconds=-1, timeout=PATIENCE)
            with pytest.raises(smtplib.SMTPServerDisconnected, match="not over in time"):
                transport.send(b"MAIL FROM:<ada@example.org>\r\n")
