import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.core.redaction import links_masked, redact, redact_event, redact_value


class TestRedact:
    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("to ada@example.org now", "to [address] now"),
            ("half a character: \udcff", "half a character: \\udcff"),
            ("Ada <ada.l+x@mail.example.org>,", "Ada <[address]>,"),
            ("mailto:ada@example.org", "mailto:[address]"),
            ("ADA@EXAMPLE.ORG", "[address]"),
            ("ada@exämple.org", "[address]"),
            ("ada@xn--exmple-cua.org", "[address]"),
            ("o'hara%x@example.org", "[address]"),
            ('"ada love"@example.org', "[address]"),
            ("ada@[127.0.0.1]", "[address]"),
            ("ada%40example.org", "[address]"),
            ("ends with ada@example.org.", "ends with [address]."),
            ("ada@example.org;bob@example.org", "[address];[address]"),
            ("550 5.1.1 <ada@example.org>: no such user", "550 5.1.1 <[address]>: no such user"),
            ('{"to":["ada@example.org"]}', '{"to":["[address]"]}'),
        ],
    )
    def test_masks_an_address_wherever_it_stands(self, text: str, masked: str) -> None:
        assert redact(text) == masked

    @pytest.mark.parametrize(
        "url",
        [
            "/sign-in/?email=ada@example.org",
            "/sign-in/?email=ada%40example.org&next=/home/",
            "/sign-in/?next=%2Fhome%2F&email=ada%40example.org",
            "https://example.com/u/ada@example.org/",
            "https://example.com?email=ada@example.org",
        ],
    )
    def test_masks_an_address_in_a_url(self, url: str) -> None:
        assert "example.org" not in redact(url)
        assert "ada" not in redact(url)

    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("GET /confirm/MQ/cx8-5f/ HTTP/1.1", "GET /confirm/[token] HTTP/1.1"),
            ("http://localhost:8000/confirm/MQ/cx8-5f/", "http://localhost:8000/confirm/[token]"),
            ("/confirm/MQ/cx8-5f/?next=/home/", "/confirm/[token]?next=/home/"),
            ('href="/confirm/MQ/cx8-5f/"', 'href="/confirm/[token]"'),
            ("/sign-in/?next=%2Fconfirm%2FMQ%2Fcx8-5f%2F", "/sign-in/?next=%2Fconfirm%2F[token]"),
            ("POST /unsubscribe/MQ:1x:cx8-5f/ HTTP/1.1", "POST /unsubscribe/[token] HTTP/1.1"),
            ("Bearer sge_abcdefghijklmnopqrstuvwxyz-_0123456789", "Bearer [token]"),
        ],
    )
    def test_masks_the_token_of_a_signed_link(self, text: str, masked: str) -> None:
        assert redact(text) == masked

    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("redis://:pw@host", "redis://[secret]@host"),
            ("redis://:p:w@cache.example.com/0", "redis://[secret]@cache.example.com/0"),
            ("amqp://u:pw@host//", "amqp://[secret]@host//"),
            ("amqp://u:pw@mq.example.com:5672//", "amqp://[secret]@mq.example.com:5672//"),
            ("smtp://ada@example.org:pw@mail.example.com:587", "smtp://[secret]@mail.example.com:587"),
            ("postgres://u:pw@%2Fvar%2Frun:5432/db", "postgres://[secret]@%2Fvar%2Frun:5432/db"),
        ],
    )
    def test_masks_who_signs_in_and_how_in_a_url(self, text: str, masked: str) -> None:
        assert redact(text) == masked

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "celery@host ready.",
            "test0@localhost",
            "12 e-mails @ 3 per second",
            "https://example.com/home/?tab=2#top",
            "redis+socket:///var/lib/broker.sock",
            "styleguide_example.emails.tasks.email_send",
            "/confirmed/ and /confirm",
        ],
    )
    def test_leaves_ordinary_text_alone(self, text: str) -> None:
        assert redact(text) == text

    @settings(deadline=None)  # a busy machine proves nothing
    @given(address=st.emails(), before=st.text(), after=st.text())
    def test_lets_no_address_through(self, address: str, before: str, after: str) -> None:
        assert address not in redact(f"{before} {address} {after}")
        assert address not in redact(f"{before}<{address}>{after}")

    @settings(deadline=None)  # a busy machine proves nothing
    @given(address=st.emails())
    def test_lets_no_percent_encoded_address_through(self, address: str) -> None:
        encoded = quote(address)
        assert encoded not in redact(f"/sign-in/?email={encoded}&x=1")

    @pytest.mark.parametrize("unit", ["a", "a.", "%40", "a@", "://", '"', "/confirm/", "@example.org"])
    def test_takes_no_time_for_a_line_of_a_megabyte(self, unit: str) -> None:
        started_at = time.process_time()  # not what others make this process wait
        redact(unit * (1_000_000 // len(unit)))
        assert time.process_time() - started_at < 5


class TestLinksMasked:
    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("Open http://localhost:8000/confirm/MQ/cx8-5f/ now", "Open http://localhost:8000/confirm/[token] now"),
            ("<p>/confirm/MQ/cx8-5f/</p>", "<p>/confirm/[token]</p>"),
            ("Dear ada@example.org,", "Dear ada@example.org,"),
            ("https://example.com/home/", "https://example.com/home/"),
        ],
    )
    def test_masks_tokens_and_nothing_else(self, text: str, masked: str) -> None:
        assert links_masked(text) == masked


class TestRedactValue:
    @pytest.mark.parametrize(
        ("value", "masked"),
        [
            (None, None),
            (True, True),
            (7, 7),
            (0.5, 0.5),
            ("ada@example.org", "[address]"),
            (["ada@example.org", 7], ["[address]", 7]),
            (("ada@example.org",), ["[address]"]),
            ({"ada@example.org"}, ["[address]"]),
            ({"refused": {"ada@example.org": "550 no"}}, {"refused": {"[address]": "550 no"}}),
            ({("a", 1): "ada@example.org"}, {("a", 1): "[address]"}),
            (b"ada@example.org", "[address]'"),
            (ValueError("no ada@example.org"), "no [address]"),
            (ConflictError({"to": "ada@example.org"}), "{'to': [address]'}"),
        ],
    )
    def test_masks_every_string_inside(self, value: Any, masked: Any) -> None:
        assert redact_value(value) == masked

    @pytest.mark.parametrize(
        "key", ["password", "new_password1", "SECRET_KEY", "lease_token", "Authorization", "Set-Cookie", "api_key"]
    )
    def test_masks_what_is_secret_by_its_name_at_any_depth(self, key: str) -> None:
        assert redact_value({"a": [{key: "hunter2"}]}) == {"a": [{key: "[secret]"}]}
        assert redact_value({key: ["hunter2"]}) == {key: "[secret]"}

    @pytest.mark.parametrize("nothing", [None, "", []])
    def test_shows_that_a_secret_is_missing(self, nothing: Any) -> None:
        assert redact_value({"password": nothing}) == {"password": nothing}


class TestRedactEvent:
    def test_masks_the_message_the_fields_and_the_traceback(self) -> None:
        event = {
            "event": "no ada@example.org",
            "exception": "Traceback:\n  ValueError: ada@example.org",
            "token": "abc",
            "path": "/confirm/MQ/abc/",
            "email_id": 7,
        }

        assert redact_event(None, "info", event) == {
            "event": "no [address]",
            "exception": "Traceback:\n  ValueError: [address]",
            "token": "[secret]",
            "path": "/confirm/[token]",
            "email_id": 7,
        }
