"""More than one mail server, by alias."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from styleguide_example.common.tests.processes import refused_port
from styleguide_example.emails import connections
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import DeliveryError, EmailInvalidError
from styleguide_example.emails.tests.smtp_server import HANG_UP, SMTPServer


@pytest.fixture
def marketing(smtp: SMTPServer, settings: Settings) -> Iterator[SMTPServer]:
    """A second server, beside the default one."""
    with SMTPServer() as server:
        settings.EMAIL_SENDING_SERVERS = {"default": {"fallback": ""}, "marketing": _server(server.port)}
        yield server
        connections.connection_close()


def _server(port: int, **values: Any) -> dict[str, Any]:
    backend = "styleguide_example.emails.backends.SMTPBackend"
    return {"BACKEND": backend, "host": "127.0.0.1", "port": port, "fallback": "", **values}


def _message() -> EmailMessage:
    return EmailMessage("Hello", "Hello", "sender@example.org", ["ada@example.org"])


class TestServers:
    def test_have_a_connection_each_that_is_kept(self, smtp: SMTPServer, marketing: SMTPServer) -> None:
        for _ in range(3):
            connections.message_send(_message())
            connections.message_send(_message(), "marketing")
        assert (smtp.connections, len(smtp.received)) == (1, 3)
        assert (marketing.connections, len(marketing.received)) == (1, 3)

    def test_are_ready_each_for_itself(self, marketing: SMTPServer) -> None:
        connections.connection_ensure("marketing")
        assert connections.connection_is_ready("marketing")
        assert not connections.connection_is_ready()

    def test_are_all_told_goodbye(self, smtp: SMTPServer, marketing: SMTPServer) -> None:
        connections.connection_ensure()
        connections.connection_ensure("marketing")
        connections.connection_close()
        assert (smtp.farewells, marketing.farewells) == (1, 1)

    def test_lose_their_own_connection_only(self, smtp: SMTPServer, marketing: SMTPServer) -> None:
        connections.connection_ensure()
        marketing.fail("mail", HANG_UP)
        with pytest.raises(DeliveryError):
            connections.message_send(_message(), "marketing")
        assert connections.connection_is_ready()
        assert not connections.connection_is_ready("marketing")

    def test_that_are_away_are_in_the_phase_of_connecting(self, marketing: SMTPServer, settings: Settings) -> None:
        with refused_port() as port:
            settings.EMAIL_SENDING_SERVERS = {"marketing": _server(port)}
            with pytest.raises(DeliveryError) as raised:
                connections.message_send(_message(), "marketing")
        assert (raised.value.kind, raised.value.phase) == (FailureKind.TRANSIENT, Phase.CONNECT)

    def test_that_are_gone_from_the_settings_are_waited_for(self, marketing: SMTPServer) -> None:
        """An e-mail may have been written for one; whoever takes it out of the settings can bring it back."""
        with pytest.raises(DeliveryError, match="no mail server 'former' any more") as raised:
            connections.message_send(_message(), "former")
        assert (raised.value.kind, raised.value.phase) == (FailureKind.TRANSIENT, Phase.CONNECT)

    def test_never_see_the_password_of_the_default_one(
        self, smtp: SMTPServer, marketing: SMTPServer, settings: Settings
    ) -> None:
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "me", "hunter2"
        settings.EMAIL_USE_TLS = True
        marketing.extensions.append("AUTH PLAIN LOGIN")
        connections.message_send(_message(), "marketing")
        assert (marketing.commands["AUTH"], marketing.commands["STARTTLS"]) == (0, 0)

    def test_are_signed_in_to_with_their_own(self, marketing: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_SENDING_SERVERS = {"marketing": _server(marketing.port, username="me", password="p@ss,word")}
        marketing.extensions.append("AUTH PLAIN LOGIN")
        with pytest.raises(DeliveryError) as raised:  # the server knows nobody
            connections.connection_ensure("marketing")
        assert raised.value.phase == Phase.CONNECT
        assert marketing.commands["AUTH"] > 0
        assert "p@ss" not in str(raised.value)


class TestServerCheck:
    @pytest.mark.parametrize("alias", ["", "default", "marketing"])
    def test_accepts_what_the_settings_name(self, marketing: SMTPServer, alias: str) -> None:
        connections.server_check(alias)
        assert alias in connections.server_names()

    def test_refuses_any_other_and_names_them(self, marketing: SMTPServer) -> None:
        with pytest.raises(EmailInvalidError, match=r"no mail server 'other'\. Name one of default, marketing"):
            connections.server_check("other")

    def test_accepts_the_default_one_where_there_is_no_other(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_SERVERS = {}
        connections.server_check("default")
        assert connections.server_names() == ["", "default"]
