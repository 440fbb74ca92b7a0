"""The threads of a burst: orders in, reports out, one connection each."""

import os
import time
import uuid
from collections.abc import Iterator, Sequence

import pytest
from celery import signals
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from pytest_django import Settings

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.common.tests.racing import meanwhile
from styleguide_example.emails import senders
from styleguide_example.emails.claims import Holding
from styleguide_example.emails.delivery import message_build
from styleguide_example.emails.enums import Phase
from styleguide_example.emails.exceptions import DeliveryError
from styleguide_example.emails.models import Email
from styleguide_example.emails.senders import Parcel, Report, Sender, Team
from styleguide_example.emails.tests.smtp_server import HANG_UP, HOLD, SILENCE, SMTPServer

PATIENCE = 10  # seconds; only a hang lasts so long


@pytest.fixture
def team(smtp: SMTPServer) -> Iterator[Team]:
    """A team that ends with the test."""
    team = Team()
    yield team
    team.stop()


def _parcel(server: str = "default", *, email: Email | None = None) -> Parcel:
    """One that was never written: no sender asks a database."""
    email = email or Email(pk=1, to=["ada@example.org"], subject="Hello", plain_text="Hello\n")
    message = message_build(email, has_files=False)
    return Parcel(Holding(email, uuid.uuid4()), server, ("example.org",), message=message)


def _sender(team: Team) -> Sender:
    sender = team.joined_by_one_more(1)
    assert sender is not None
    return sender


def _report(team: Team) -> Report:
    (report,) = team.wait_for_reports(PATIENCE)
    return report


def _connected(team: Team) -> Sender:
    sender = _sender(team)
    sender.connect(_parcel())
    assert _report(team).is_connected
    return sender


class _NeverCloses(BaseEmailBackend):
    """Somebody else's backend, on a bad day."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        return len(email_messages)

    def close(self) -> None:
        raise RuntimeError("No session.")


class TestSender:
    def test_connects_before_it_sends_and_says_so(self, smtp: SMTPServer, team: Team) -> None:
        sender, parcel = _sender(team), _parcel()

        sender.connect(parcel)
        connected = _report(team)
        assert (connected.sender, connected.parcel, connected.is_connected) == (sender, parcel, True)
        assert (sender.server, smtp.connections, smtp.commands["MAIL"]) == ("default", 1, 0)

        sender.send(parcel)
        sent = _report(team)
        assert (sent.parcel, sent.error, sent.is_connected) == (parcel, None, False)
        assert sent.delivery is not None
        assert sent.delivery.accepted == ["ada@example.org"]
        assert len(smtp.received) == 1

    def test_keeps_its_connection(self, smtp: SMTPServer, team: Team) -> None:
        sender = _connected(team)
        for _ in range(3):
            sender.send(_parcel())
            assert _report(team).delivery
        assert (smtp.connections, len(smtp.received), sender.server) == (1, 3, "default")

    def test_is_counted_while_it_sends_though_it_had_closed_its_connection_just_before(
        self, smtp: SMTPServer, team: Team, settings: Settings
    ) -> None:
        settings.EMAIL_CONNECTION_MAX_IDLE_SECONDS = 0.05
        sender = _connected(team)
        wait_until(lambda: not sender.server)
        smtp.fail("message", HOLD)
        sender.send(_parcel())
        assert smtp.reached["message"].wait(PATIENCE)
        assert sender.server == "default"
        smtp.released.set()
        assert _report(team).delivery

    def test_has_no_connection_open_when_it_says_that_it_has_none(
        self, smtp: SMTPServer, team: Team, settings: Settings
    ) -> None:
        settings.EMAIL_CONNECTION_MAX_MESSAGES = 1
        sender = _connected(team)
        sender.send(_parcel())
        assert _report(team).delivery
        assert (sender.server, smtp.farewells) == ("", 1)

    @pytest.mark.parametrize("how", ["421 busy", HANG_UP])
    def test_says_what_went_wrong_when_it_cannot_connect(self, smtp: SMTPServer, team: Team, how: str) -> None:
        smtp.fail("connect", how)
        sender = _sender(team)
        sender.connect(_parcel())
        error = _report(team).error
        assert isinstance(error, DeliveryError)
        assert error.phase is Phase.CONNECT
        assert sender.server == ""

    def test_says_what_went_wrong_when_it_sends_and_has_no_connection_then(self, smtp: SMTPServer, team: Team) -> None:
        sender = _connected(team)
        smtp.fail("message", HANG_UP)
        sender.send(_parcel())
        error = _report(team).error
        assert isinstance(error, DeliveryError)
        assert error.phase is Phase.AFTER_DATA
        assert sender.server == ""

    def test_survives_an_error_that_nobody_foresaw(self, smtp: SMTPServer, team: Team, settings: Settings) -> None:
        sender = _sender(team)
        settings.EMAIL_BACKEND = "no.such.backend"
        sender.connect(_parcel())
        assert isinstance(_report(team).error, ModuleNotFoundError)

        settings.EMAIL_BACKEND = "styleguide_example.emails.backends.SMTPBackend"
        sender.connect(_parcel())
        assert _report(team).is_connected

    def test_survives_a_backend_that_cannot_be_closed_and_reports_what_it_sent(
        self, team: Team, settings: Settings
    ) -> None:
        settings.EMAIL_BACKEND = f"{__name__}._NeverCloses"
        settings.EMAIL_CONNECTION_MAX_MESSAGES = 1
        sender = _connected(team)
        for _ in range(2):
            sender.send(_parcel())
            assert _report(team).delivery
            assert sender.server == ""
        sender.connect(_parcel())
        assert _report(team).is_connected

    def test_says_goodbye_to_one_server_before_it_connects_to_another(
        self, smtp: SMTPServer, team: Team, settings: Settings
    ) -> None:
        with SMTPServer() as other:
            settings.EMAIL_SENDING_SERVERS = {
                "other": {"BACKEND": settings.EMAIL_BACKEND, "host": "127.0.0.1", "port": other.port, "fallback": ""}
            }
            sender = _connected(team)
            sender.connect(_parcel("other"))
            assert _report(team).is_connected
            assert (smtp.farewells, other.connections, sender.server) == (1, 1, "other")
            sender.rest()
            wait_until(lambda: other.farewells == 1)

    def test_closes_a_connection_of_which_there_are_too_many(self, smtp: SMTPServer, team: Team) -> None:
        sender = _connected(team)
        sender.rest()
        assert sender.server == ""
        wait_until(lambda: smtp.farewells == 1)
        sender.connect(_parcel())
        assert _report(team).is_connected

    def test_closes_its_connection_when_it_is_idle_for_long(
        self, smtp: SMTPServer, team: Team, settings: Settings
    ) -> None:
        settings.EMAIL_CONNECTION_MAX_IDLE_SECONDS = 0.1
        sender = _connected(team)
        wait_until(lambda: smtp.farewells == 1)
        wait_until(lambda: not sender.server)
        assert sender.is_alive()

    def test_has_no_connection_to_name_when_it_is_worn(self, smtp: SMTPServer, team: Team, settings: Settings) -> None:
        settings.EMAIL_CONNECTION_MAX_MESSAGES = 1
        sender = _connected(team)
        sender.send(_parcel())
        assert _report(team).delivery
        assert sender.server == ""


class TestTeam:
    def test_has_no_more_members_than_it_may(self, team: Team) -> None:
        assert [bool(team.joined_by_one_more(2)) for _ in range(3)] == [True, True, False]

    def test_waits_for_a_report_no_longer_than_it_was_told(self, team: Team) -> None:
        began = time.monotonic()
        assert team.wait_for_reports(0) == []
        assert team.wait_for_reports(0.05) == []
        assert time.monotonic() - began < PATIENCE / 2

    def test_gives_reports_that_came_together_together(self, smtp: SMTPServer, team: Team) -> None:
        ready = [team.joined_by_one_more(3) for _ in range(3)]
        for sender in ready:
            assert sender
            sender.connect(_parcel())
        wait_until(lambda: smtp.commands["EHLO"] == 3)
        reports: list[Report] = []
        wait_until(lambda: len(reports.__iadd__(team.wait_for_reports(1))) == 3)
        assert {report.sender for report in reports} == set(ready)

    def test_says_goodbye_to_the_servers_when_it_ends(self, smtp: SMTPServer, team: Team) -> None:
        sender = _connected(team)
        team.stop()
        assert smtp.farewells == 1
        assert not sender.is_alive()
        assert team.senders == []

    def test_ends_a_conversation_before_it_ends(self, smtp: SMTPServer, team: Team) -> None:
        sender = _connected(team)
        smtp.fail("message", HOLD)
        sender.send(_parcel())
        assert smtp.reached["message"].wait(PATIENCE)
        with meanwhile(lambda: team.stop(PATIENCE)) as stopping:
            assert not stopping.done()
            smtp.released.set()
        assert _report(team).delivery
        assert smtp.farewells == 1

    def test_does_not_wait_for_a_server_that_says_nothing(self, smtp: SMTPServer, team: Team) -> None:
        sender = _connected(team)
        smtp.fail("message", SILENCE)
        sender.send(_parcel())
        assert smtp.reached["message"].wait(PATIENCE)
        began = time.monotonic()
        team.stop(0.1)
        assert time.monotonic() - began < PATIENCE / 2


class TestTeamOfAThread:
    def test_is_the_same_each_time_and_another_one_elsewhere(self) -> None:
        mine = senders.team()
        assert senders.team() is mine
        with meanwhile(senders.team) as elsewhere:
            assert elsewhere.result() is not mine

    def test_is_a_new_one_after_a_farewell(self) -> None:
        mine = senders.team()
        senders.team_farewell()
        assert senders.team() is not mine
        senders.team_farewell()

    def test_is_not_inherited_by_a_child_which_has_not_its_threads(
        self, smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine = senders.team()
        _connected(mine)
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: -1)
            assert senders.team() is not mine
            senders.team_farewell()
        assert smtp.farewells == 0  # the socket is the parent's
        mine.stop()

    def test_is_ended_with_the_worker_though_its_thread_ended_before(self, smtp: SMTPServer) -> None:
        """The thread of a pool."""
        with meanwhile(lambda: _connected(senders.team())) as pool:
            sender = pool.result()
        assert (sender.is_alive(), smtp.farewells) == (True, 0)

        signals.worker_shutdown.send(sender=None)

        assert (sender.is_alive(), smtp.farewells) == (False, 1)

    def test_needs_no_farewell_where_there_is_none(self) -> None:
        senders.team_farewell()
        senders.team_farewell()
