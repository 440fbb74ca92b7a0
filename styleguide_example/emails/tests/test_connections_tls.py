"""Nothing is said to a server that cannot prove who it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from styleguide_example.emails import backends, connections
from styleguide_example.emails.enums import FailureKind, Phase
from styleguide_example.emails.exceptions import DeliveryError
from styleguide_example.emails.tests.certificates import certificate_new
from styleguide_example.emails.tests.smtp_server import SMTPServer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_new(tmp_path_factory.mktemp("authority"), "authority", host="authority.example")


@pytest.fixture(autouse=True)
def trusts_authority(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """https://docs.openssl.org/3.0/man3/SSL_CTX_load_verify_locations/ names the variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    backends.ssl_context.cache_clear()
    yield
    backends.ssl_context.cache_clear()


@contextmanager
def _served(settings: Settings, certificate: Path, *, at_once: bool) -> Iterator[SMTPServer]:
    with SMTPServer(certificate=certificate, tls_at_once=at_once) as server:
        server.extensions.append("AUTH PLAIN LOGIN")
        settings.EMAIL_BACKEND = "styleguide_example.emails.backends.SMTPBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = at_once, not at_once
        connections.connection_forget()
        yield server
        connections.connection_close()


def _message() -> EmailMessage:
    return EmailMessage("Hello", "Hello\n", "sender@example.org", ["ada@example.org"])


@pytest.mark.parametrize("at_once", [True, False], ids=["SSL", "STARTTLS"])
class TestServersCertificate:
    def test_is_accepted_from_an_authority_that_is_trusted(
        self, authority: Path, tmp_path: Path, settings: Settings, *, at_once: bool
    ) -> None:
        certificate = certificate_new(tmp_path, "server", authority=authority)
        with _served(settings, certificate, at_once=at_once) as server:
            for _ in range(2):
                assert connections.message_send(_message()).accepted == ["ada@example.org"]
            assert connections.connection_is_ready()
            assert (server.connections, len(server.received)) == (1, 2)
            connections.connection_close()
            assert server.farewells == 1

    @pytest.mark.parametrize(
        ("host", "is_signed", "error"),
        [
            ("127.0.0.1", False, "self-signed certificate"),
            ("127.0.0.2", True, "IP address mismatch"),
            ("mail.example.org", True, "IP address mismatch"),
        ],
    )
    def test_is_refused_before_anything_is_said(
        self,
        authority: Path,
        tmp_path: Path,
        settings: Settings,
        *,
        host: str,
        is_signed: bool,
        error: str,
        at_once: bool,
    ) -> None:
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "me", "hunter2"
        certificate = certificate_new(tmp_path, "server", host=host, authority=authority if is_signed else None)
        with _served(settings, certificate, at_once=at_once) as server:
            with pytest.raises(DeliveryError, match=error) as raised:
                connections.message_send(_message())
            assert (raised.value.kind, raised.value.phase) == (FailureKind.TRANSIENT, Phase.CONNECT)
            assert server.received == []
            assert not {"AUTH", "MAIL"} & set(server.commands)


class TestAuthorities:
    def test_are_read_once_for_all_connections(self) -> None:
        contexts = {id(backends.SMTPBackend(host="127.0.0.1", port=25).ssl_context) for _ in range(3)}
        assert len(contexts) == 1
