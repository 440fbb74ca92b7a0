"""From the environment to the mail servers of the settings; what is wrong there is said without a password."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import mail_servers
from styleguide_example.emails.models import SERVER_MAX_LENGTH

SMTP = "styleguide_example.emails.backends.SMTPBackend"


class TestServer:
    def test_is_all_that_its_url_says(self) -> None:
        assert mail_servers.server("smtp+tls://me:secret@mail.example.com:2525", of="EMAIL_URL") == {
            "BACKEND": SMTP,
            "host": "mail.example.com",
            "port": 2525,
            "username": "me",
            "password": "secret",
            "use_tls": True,
            "use_ssl": False,
        }

    @pytest.mark.parametrize(
        ("scheme", "port", "tls", "ssl"),
        [("smtp", 25, False, False), ("smtp+tls", 587, True, False), ("smtp+ssl", 465, False, True)],
    )
    def test_listens_where_its_kind_usually_does(self, *, scheme: str, port: int, tls: bool, ssl: bool) -> None:
        server = mail_servers.server(f"{scheme}://mail.example.com/", of="EMAIL_URL")
        assert (server["port"], server["use_tls"], server["use_ssl"]) == (port, tls, ssl)

    def test_that_is_not_named_with_a_sign_in_has_an_empty_one(self) -> None:
        """None would mean to Django: that of the default server."""
        server = mail_servers.server("smtp://mail.example.com", of="EMAIL_URL")
        assert (server["username"], server["password"]) == ("", "")

    @pytest.mark.parametrize(
        ("escaped", "password"),
        [
            ("p%40ss%2Fw%3Fo%23rd%2C%25%20%3A", "p@ss/w?o#rd,% :"),
            ("a+b=c&d!$*()", "a+b=c&d!$*()"),
            ("a:b@c", "a:b@c"),
            ("gr%C3%BCn", "grün"),
        ],
    )
    def test_may_have_any_password(self, escaped: str, password: str) -> None:
        server = mail_servers.server(f"smtp+tls://me%40example.com:{escaped}@mail.example.com", of="EMAIL_URL")
        assert (server["username"], server["password"]) == ("me@example.com", password)
        assert server["host"] == "mail.example.com"

    @pytest.mark.parametrize("scheme", ["consolemail", "memorymail", "dummymail"])
    def test_may_be_a_backend_that_sends_nothing(self, scheme: str) -> None:
        assert set(mail_servers.server(f"{scheme}://", of="EMAIL_URL")) == {"BACKEND"}

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp+tls://me:secret@mail.example.com:port",
            "smtp+tls://me:secret/1@mail.example.com",
            "smtp+tls://me:25/secret@mail.example.com",
            "smtp+tls://me:25#secret@mail.example.com",
            "smtp+tls://me:25?secret@mail.example.com",
            "smtp+tls://me:[secret@mail.example.com",
            "smtp://me:secret@mail.example.com?tls=1",
        ],
    )
    def test_is_refused_without_showing_its_password(self, url: str) -> None:
        with pytest.raises(
            ImproperlyConfigured, match=r"^EMAIL_URL .*Write smtp\+tls://user:password@host:587"
        ) as raised:
            mail_servers.server(url, of="EMAIL_URL")
        assert "secret" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


class TestServers:
    def test_are_the_default_one_alone_where_none_is_named(self) -> None:
        assert mail_servers.servers("", fallbacks="") == {"default": {"fallback": ""}}

    def test_have_an_alias_and_a_fallback(self) -> None:
        servers = mail_servers.servers(
            "marketing=smtp+tls://me:a%2Cb%3Dc@bulk.example.com, back-up_2=smtp://10.0.0.7:26,",
            fallbacks="default=back-up_2, marketing=default",
        )
        assert {alias: server.get("host") for alias, server in servers.items()} == {
            "default": None,
            "marketing": "bulk.example.com",
            "back-up_2": "10.0.0.7",
        }
        assert servers["marketing"]["password"] == "a,b=c"
        assert {alias: server["fallback"] for alias, server in servers.items()} == {
            "default": "back-up_2",
            "marketing": "default",
            "back-up_2": "",
        }

    def test_have_aliases_that_fit_into_the_row_of_an_email(self) -> None:
        longest = "a" * SERVER_MAX_LENGTH
        assert longest in mail_servers.servers(f"{longest}=smtp://mail.example.com", fallbacks="")
        with pytest.raises(ImproperlyConfigured):
            mail_servers.servers(f"{longest}a=smtp://mail.example.com", fallbacks="")

    @pytest.mark.parametrize(
        ("urls", "fallbacks", "sentence"),
        [
            ("smtp://me:secret@mail.example.com", "", "EMAIL_SERVERS: part 1 must read alias=value"),
            ("a=smtp://one,Big=smtp://two", "", "EMAIL_SERVERS: part 2 must read alias=value"),
            ("a=smtp://me:sec,ret@mail.example.com", "", "A comma within a password is written %2C"),
            ("a=smtp://one,a=smtp://two", "", "EMAIL_SERVERS names 'a' twice"),
            ("default=smtp://one", "", "'default', which is the server of EMAIL_URL"),
            ("a=mail.example.com", "", "EMAIL_SERVERS: the URL of 'a' cannot be read"),
            ("a=consolemail://", "", "EMAIL_SERVERS: 'a' is not a mail server"),
            ("a=smtp://one", "b=a", "EMAIL_FALLBACKS names 'b', which is no server: name one of default, a"),
            ("a=smtp://one", "a=b", "EMAIL_FALLBACKS names 'b', which is no server"),
            ("a=smtp://one", "a", "EMAIL_FALLBACKS: part 1 must read alias=value"),
            ("a=smtp://one", "a=default,a=default", "EMAIL_FALLBACKS names 'a' twice"),
        ],
    )
    def test_are_refused_with_what_is_wrong_and_where(self, urls: str, fallbacks: str, sentence: str) -> None:
        with pytest.raises(ImproperlyConfigured) as raised:
            mail_servers.servers(urls, fallbacks=fallbacks)
        assert sentence in str(raised.value)
        assert "secret" not in str(raised.value)
        assert "sec," not in str(raised.value)
