"""PIPELINING, RFC 2920: what is gained, and what must not come of saying DATA before the recipients were accepted."""

import socket
import threading
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from styleguide_example.emails.backends import SMTPBackend
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.tests.conversing import ADA, BOB, EVE, connected, refused_over, send_over
from styleguide_example.emails.tests.smtp_server import HANG_UP, SILENCE, SMTPServer


@pytest.fixture
def server() -> Iterator[SMTPServer]:
    with SMTPServer() as running:
        running.fail("data", "354 go on")
        yield running


@pytest.fixture
def backend(server: SMTPServer, settings: Settings) -> Iterator[SMTPBackend]:
    settings.EMAIL_TIMEOUT_AFTER_DATA = 1  # seconds
    with connected(server.port, timeout=1) as running:
        yield running


class TestMessageAskedForInAdvance:
    """Servers that answer DATA with 354 whatever they answered before (RFC 2920 3.1)."""

    @pytest.mark.parametrize("step", ["mail", "rcpt"])
    def test_is_ended_with_a_lone_dot_that_is_refused(
        self, server: SMTPServer, backend: SMTPBackend, step: str
    ) -> None:
        server.fail(step, "550 no")
        error = refused_over(backend)
        assert (error.kind, error.phase, error.reply) == (FailureKind.PERMANENT, Phase.ENVELOPE, "550 no")
        assert not error.connection_lost
        assert send_over(backend).accepted == [ADA]
        assert (server.connections, len(server.received)) == (1, 1)

    @pytest.mark.parametrize("answer", ["250 taken", "421 closing", HANG_UP, SILENCE, "what?"])
    def test_ends_the_connection_when_the_lone_dot_is_not_refused(
        self, server: SMTPServer, backend: SMTPBackend, answer: str
    ) -> None:
        server.refusals = {ADA: "550 no such user"}
        server.fail("message", answer)
        error = refused_over(backend)
        assert (error.kind, error.phase, error.code) == (FailureKind.PERMANENT, Phase.ENVELOPE, 550)
        assert error.connection_lost
        assert server.received == []

    def test_is_never_an_empty_one_for_somebody_who_was_accepted(
        self, server: SMTPServer, backend: SMTPBackend
    ) -> None:
        server.fail("rcpt", "250 ok", "530 sign in first")
        error = refused_over(backend, ADA, BOB, EVE)
        assert (error.phase, error.code) == (Phase.CONNECT, 530)
        assert error.connection_lost
        assert server.received == []

    def test_is_never_an_empty_one_for_somebody_accepted_without_a_sender(
        self, server: SMTPServer, backend: SMTPBackend
    ) -> None:
        server.fail("mail", "451 not now")
        server.fail("rcpt", "250 ok")
        error = refused_over(backend)
        assert (error.kind, error.code) == (FailureKind.TRANSIENT, 451)
        assert error.connection_lost
        assert server.received == []

    def test_is_not_waited_for_when_the_server_goes_away(self, server: SMTPServer, backend: SMTPBackend) -> None:
        server.script["data"].clear()
        server.fail("rcpt", "550 no")
        server.fail("data", HANG_UP)
        error = refused_over(backend)
        assert (error.kind, error.reply) == (FailureKind.PERMANENT, "550 no")
        assert error.connection_lost

    def test_is_not_believed_after_an_answer_that_makes_no_sense(
        self, server: SMTPServer, backend: SMTPBackend
    ) -> None:
        server.fail("mail", "550 no")
        server.fail("rcpt", "what?")
        error = refused_over(backend)
        assert (error.kind, error.reply) == (FailureKind.PERMANENT, "550 no")
        assert error.connection_lost


class _Counting:
    """A server that takes everything, and notes the first letters of each line that came in one go."""

    def __init__(self, *extensions: str) -> None:
        lines = ["test", *extensions]
        self.came: list[list[bytes]] = []
        self._hello = "".join(f"250-{line}\r\n" for line in lines).encode() + b"250 8BITMIME\r\n"
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        answers = {b"EHLO": self._hello, b"DATA": b"354 go on\r\n"}
        client, _ = self._socket.accept()
        with client:
            client.sendall(b"220 test\r\n")
            while came := client.recv(1_000_000):
                verbs = (
                    [came[-3:-2]] if came.endswith(b"\r\n.\r\n") else [line[:4].upper() for line in came.splitlines()]
                )
                self.came.append(verbs)
                client.sendall(b"".join(answers.get(verb, b"250 ok\r\n") for verb in verbs))

    def __enter__(self) -> "_Counting":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._socket.close()


class TestRoundTrips:
    """Each costs the time to the server and back."""

    @staticmethod
    def _came(*extensions: str, recipients: int) -> list[list[bytes]]:
        with _Counting(*extensions) as server, connected(server.port, timeout=10) as backend:
            send_over(backend, *[f"person{number}@example.org" for number in range(recipients)])
        return server.came[1:]  # after EHLO

    def test_are_two_for_a_message_where_the_server_knows_pipelining(self) -> None:
        assert self._came("PIPELINING", recipients=2) == [[b"MAIL", b"RCPT", b"RCPT", b"DATA"], [b"."]]

    def test_are_one_for_each_command_where_it_does_not(self) -> None:
        assert self._came("SIZE 1000000", recipients=2) == [[b"MAIL"], [b"RCPT"], [b"RCPT"], [b"DATA"], [b"."]]

    def test_are_one_for_each_command_where_so_many_would_fill_the_buffers(self) -> None:
        assert self._came("PIPELINING", recipients=51) == [[b"MAIL"], *[[b"RCPT"]] * 51, [b"DATA"], [b"."]]
