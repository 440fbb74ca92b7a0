"""The conversation with the server, with PIPELINING and without: the way is shorter, the outcome is the same."""

import time
from collections.abc import Callable, Iterator

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from styleguide_example.common.tests.racing import meanwhile
from styleguide_example.emails.backends import SMTPBackend
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.tests.conversing import ADA, BOB, EVE, connected, refused_over, send_over
from styleguide_example.emails.tests.smtp_server import (
    HANG_UP,
    HOLD,
    SILENCE,
    TAKEN_THEN_HANG_UP,
    TAKEN_THEN_SILENCE,
    SMTPServer,
)

PHASES = {"mail": Phase.ENVELOPE, "rcpt": Phase.ENVELOPE, "data": Phase.DATA, "message": Phase.AFTER_DATA}
FOR_NOW = ["450 mailbox busy", "451 local error", "452 too many", "454 later"]
FOR_GOOD = ["500 what", "550 no such user", "552 too big", "553 bad name", "554 no"]


@pytest.fixture(params=["PIPELINING", "one by one"])
def server(request: pytest.FixtureRequest) -> Iterator[SMTPServer]:
    with SMTPServer() as running:
        if request.param == "one by one":
            running.extensions.remove("PIPELINING")
        yield running


@pytest.fixture
def backend(server: SMTPServer, settings: Settings) -> Iterator[SMTPBackend]:
    settings.EMAIL_TIMEOUT_AFTER_DATA = 1  # seconds
    with connected(server.port, timeout=1) as running:
        yield running


class TestConversation:
    def test_ends_with_the_message_taken(self, server: SMTPServer, backend: SMTPBackend) -> None:
        assert send_over(backend, ADA, BOB) == Delivery(reply="250 taken 1", accepted=[ADA, BOB])
        assert send_over(backend, EVE) == Delivery(reply="250 taken 2", accepted=[EVE])
        assert [received.recipients for received in server.received] == [[ADA, BOB], [EVE]]
        assert {received.sender for received in server.received} == {"sender@example.org"}
        assert server.commands["RSET"] == 0

    @pytest.mark.parametrize("step", PHASES)
    @pytest.mark.parametrize("answer", [*FOR_NOW, *FOR_GOOD])
    def test_tells_what_was_refused_and_goes_on_with_the_next_message(
        self, server: SMTPServer, backend: SMTPBackend, step: str, answer: str
    ) -> None:
        server.fail(step, answer)

        error = refused_over(backend)

        kind = FailureKind.PERMANENT if answer in FOR_GOOD else FailureKind.TRANSIENT
        assert (error.kind, error.phase, error.code, error.reply) == (kind, PHASES[step], int(answer[:3]), answer)
        assert not error.connection_lost
        assert server.received == []
        assert send_over(backend).accepted == [ADA]
        assert (server.connections, len(server.received)) == (1, 1)

    @pytest.mark.parametrize("step", PHASES)
    def test_ends_with_421_and_the_connection(self, server: SMTPServer, backend: SMTPBackend, step: str) -> None:
        server.fail(step, "421 closing")
        error = refused_over(backend)
        assert (error.kind, error.phase, error.code) == (FailureKind.TRANSIENT, PHASES[step], 421)
        assert error.connection_lost
        assert server.received == []

    @pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
    @pytest.mark.parametrize("how", [HANG_UP, SILENCE, "<html>Bad Gateway</html>", "5 no", "1_0 ok", "-25 ok", "700"])
    def test_that_breaks_before_the_message_is_in_no_doubt(
        self, server: SMTPServer, backend: SMTPBackend, step: str, how: str
    ) -> None:
        server.fail(step, how)
        error = refused_over(backend)
        assert (error.kind, error.phase, error.code) == (FailureKind.TRANSIENT, PHASES[step], 0)
        assert error.connection_lost
        assert server.received == []

    @pytest.mark.parametrize(
        ("step", "how"),
        [
            ("message", HANG_UP),
            ("message", SILENCE),
            ("message", TAKEN_THEN_HANG_UP),
            ("message", TAKEN_THEN_SILENCE),
            ("message", "<html>Bad Gateway</html>"),
            ("body", HANG_UP),
            ("body", SILENCE),
        ],
    )
    def test_that_breaks_after_the_message_is_in_doubt(
        self, server: SMTPServer, backend: SMTPBackend, step: str, how: str
    ) -> None:
        server.fail(step, how)
        error = refused_over(backend)
        assert (error.kind, error.phase) == (FailureKind.UNKNOWN_OUTCOME, Phase.AFTER_DATA)
        assert error.connection_lost

    @pytest.mark.parametrize("answer", ["530 sign in first", "534 too weak", "535 wrong password", "538 TLS first"])
    @pytest.mark.parametrize("step", ["mail", "rcpt", "data", "message"])
    def test_for_want_of_a_sign_in_judges_us_and_not_the_message(
        self, server: SMTPServer, backend: SMTPBackend, step: str, answer: str
    ) -> None:
        server.fail(step, answer)
        error = refused_over(backend)
        assert (error.kind, error.phase, error.code) == (FailureKind.TRANSIENT, Phase.CONNECT, int(answer[:3]))
        assert error.connection_lost

    def test_reads_answers_of_several_lines(self, server: SMTPServer, backend: SMTPBackend) -> None:
        server.fail("mail", "250-sender\r\n250 ok")
        server.fail("rcpt", "250-recipient\r\n250 ok", "550-no\r\n550 such user")
        assert send_over(backend, ADA, BOB).refused_for_good == {BOB: "550 no such user"}

    @pytest.mark.parametrize(
        "address", ["ada@example.org\r\nRCPT TO:<eve@example.org>", "ada@example.org\nRSET", "adä@example.org"]
    )
    def test_says_nothing_for_an_address_that_would_say_more(
        self, server: SMTPServer, backend: SMTPBackend, address: str
    ) -> None:
        message = EmailMessage("Hello", "Hello\n", "sender@example.org", bcc=[address])
        with pytest.raises(ValueError, match=r"line ends|can't encode"):
            backend.send_messages([message])
        assert set(server.commands) == {"EHLO"}


class TestRecipientsRefused:
    def test_are_told_apart_and_the_others_have_the_message(self, server: SMTPServer, backend: SMTPBackend) -> None:
        server.refusals = {BOB: "550 no", EVE: "450 later"}
        delivery = send_over(backend, ADA, BOB, EVE)
        assert (delivery.accepted, delivery.refused_for_good, delivery.refused_for_now) == (
            [ADA],
            {BOB: "550 no"},
            {EVE: "450 later"},
        )

    def test_may_all_be_of_one_domain(self, server: SMTPServer, backend: SMTPBackend) -> None:
        server.refusals = {"@example.org": "451 slow down"}
        delivery = send_over(backend, ADA, "ada@example.com")
        assert (delivery.accepted, delivery.refused_for_now) == (["ada@example.com"], {ADA: "451 slow down"})

    def test_with_552_after_others_are_too_many_for_now(self, server: SMTPServer, backend: SMTPBackend) -> None:
        """RFC 5321 4.5.3.1.10."""
        server.refusals = {BOB: "552 too many recipients"}
        assert send_over(backend, ADA, BOB).refused_for_now == {BOB: "552 too many recipients"}
        assert send_over(backend, BOB, ADA).refused_for_good == {BOB: "552 too many recipients"}

    @pytest.mark.parametrize(("eve", "kind"), [("553 no", FailureKind.PERMANENT), ("450 later", FailureKind.TRANSIENT)])
    def test_who_are_all_are_a_refusal(
        self, server: SMTPServer, backend: SMTPBackend, eve: str, kind: FailureKind
    ) -> None:
        server.refusals = {BOB: "550 no", EVE: eve}
        error = refused_over(backend, BOB, EVE)
        assert (error.kind, error.phase, error.reply) == (kind, Phase.ENVELOPE, "550 no")
        assert error.refused == {name: reply for name, reply in server.refusals.items() if reply.startswith("5")}
        assert not error.connection_lost
        assert send_over(backend).accepted == [ADA]

    @pytest.mark.parametrize("answer", ["421 closing", HANG_UP, "what?"])
    def test_by_a_server_that_goes_away_in_between_are_no_refusal(
        self, server: SMTPServer, backend: SMTPBackend, answer: str
    ) -> None:
        server.fail("rcpt", "250 ok", answer)
        error = refused_over(backend, ADA, BOB)
        assert (error.kind, error.phase, error.refused) == (FailureKind.TRANSIENT, Phase.ENVELOPE, {})
        assert error.connection_lost
        assert server.received == []


class TestReset:
    @pytest.mark.parametrize("answer", [HANG_UP, SILENCE, "500 what?", "421 closing"])
    def test_that_fails_ends_the_connection_and_leaves_the_refusal(
        self, server: SMTPServer, backend: SMTPBackend, answer: str
    ) -> None:
        server.fail("message", "550 spam")
        server.fail("rset", answer)
        error = refused_over(backend)
        assert (error.kind, error.phase, error.reply) == (FailureKind.PERMANENT, Phase.AFTER_DATA, "550 spam")
        assert error.connection_lost

    def test_does_not_wait_as_long_as_a_whole_message_may_take(
        self, server: SMTPServer, backend: SMTPBackend, settings: Settings
    ) -> None:
        settings.EMAIL_TIMEOUT_AFTER_DATA = 60
        server.fail("message", "451 later")
        server.fail("rset", SILENCE)
        began = time.monotonic()
        assert refused_over(backend).connection_lost
        assert time.monotonic() - began < 5

    def test_that_meets_the_soft_time_limit_leaves_the_refusal(
        self, server: SMTPServer, backend: SMTPBackend, alarm: Callable[[], None]
    ) -> None:
        """It is known that the server said no: were it in doubt, the message would be sent again."""
        backend.timeout = 10
        server.fail("message", "550 spam")
        server.fail("rset", HOLD)

        def ring() -> None:
            assert server.reached["rset"].wait(10)
            alarm()

        with meanwhile(ring):
            error = refused_over(backend)
        assert (error.kind, error.phase) == (FailureKind.PERMANENT, Phase.AFTER_DATA)
        assert error.connection_lost
