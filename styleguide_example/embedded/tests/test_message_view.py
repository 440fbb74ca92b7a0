import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from styleguide_example.embedded.mailbox import caught_add, caught_paths, is_seen
from styleguide_example.embedded.tests.conftest import HTML, Catch
from styleguide_example.embedded.views import HEADERS_SHOWN

pytestmark = pytest.mark.once


def _url(name: str, *arguments: object) -> str:
    return reverse(f"embedded:{name}", args=arguments)


class TestMessageView:
    def test_shows_the_html_in_a_sandbox(self, client: Client, catch: Catch) -> None:
        key = catch(html=HTML)

        page = client.get(_url("message", key)).text

        assert f'src="{_url("message-html", key)}"' in page
        assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
        assert "/confirm/" not in page

    def test_shows_the_plain_text_with_links(self, client: Client, catch: Catch) -> None:
        key = catch(text="<b>Open</b> https://example.com/confirm/", html=HTML)

        page = client.get(_url("message", key), {"part": "text"}).text

        assert '<a href="https://example.com/confirm/"' in page
        assert "&lt;b&gt;Open&lt;/b&gt;" in page
        assert "<iframe" not in page

    def test_shows_the_source(self, client: Client, catch: Catch) -> None:
        page = client.get(_url("message", catch(html=HTML)), {"part": "source"}).text

        assert "Content-Type: multipart/alternative" in page
        assert "&lt;!doctype html&gt;" in page

    def test_shows_the_headers_and_the_links(self, client: Client, catch: Catch) -> None:
        key = catch(html=HTML, subject="Grüße")

        assert '<dd dir="auto">Grüße</dd>' in client.get(_url("message", key), {"part": "headers"}).text
        assert "Confirm" in client.get(_url("message", key), {"part": "links"}).text

    @pytest.mark.parametrize("part", ["", "html", "nonsense"])
    def test_shows_the_text_where_there_is_no_html(self, client: Client, catch: Catch, part: str) -> None:
        page = client.get(_url("message", catch(text="Only text")), {"part": part}).text

        assert "Only text" in page
        assert "<iframe" not in page

    def test_tells_who_got_it_without_being_named(self, client: Client, settings: Settings, catch: Catch) -> None:
        source = b"To: Ada <Ada@example.com>\r\nCc: grace@example.com\r\n\r\nHello\r\n"
        to = ["ada@example.com", "grace@example.com", "hidden@example.com"]
        key = caught_add(settings.VAR_DIR / "mail", envelope_from="", envelope_to=to, source=source)

        page = client.get(_url("message", key)).text

        assert "<dt>Bcc</dt><dd><bdi>hidden@example.com</bdi>" in page
        assert "(in the envelope only)" in page

    def test_says_how_often_it_came(self, client: Client, catch: Catch) -> None:
        once = catch()
        key = [catch(message_id="<a@example.com>") for _ in range(3)].pop()

        assert "This message came 3 times" in client.get(_url("message", key)).text
        assert "This message came" not in client.get(_url("message", once)).text

    def test_marks_it_as_read_when_it_is_looked_at(self, client: Client, catch: Catch, settings: Settings) -> None:
        key = catch()

        def seen() -> bool:
            return is_seen(caught_paths(settings.VAR_DIR / "mail")[key])

        client.head(_url("message", key))
        assert not seen()
        client.get(_url("message", key))
        assert seen()

    def test_leads_to_those_beside_it(self, client: Client, catch: Catch) -> None:
        oldest, middle, newest = catch(), catch(), catch()

        page = client.get(_url("message", middle)).text

        assert f'rel="prev" href="{_url("message", newest)}"' in page
        assert f'rel="next" href="{_url("message", oldest)}"' in page

    @pytest.mark.parametrize("key", ["missing", "..%2Fsecret", ".."])
    def test_is_absent_for_a_key_that_does_not_exist(self, client: Client, catch: Catch, key: str) -> None:
        catch()

        assert client.get(f"/mailbox/{key}/").status_code == 404

    def test_shows_the_beginning_of_what_is_too_long(self, client: Client, settings: Settings, catch: Catch) -> None:
        headers = b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(5_000))
        source = b"Subject: " + b"long " * 20_000 + b"\r\n" + headers + b"\r\n" + b"((((....https://a.b " * 200_000
        key = caught_add(settings.VAR_DIR / "mail", envelope_from="", envelope_to=["a@example.com"], source=source)

        for part in ("text", "source"):
            page = client.get(_url("message", key), {"part": part}).text
            assert "Download the whole message" in page
            assert len(page) < 2_000_000
        assert (
            f"And {5_001 - HEADERS_SHOWN:,} more".replace(",", "")
            in client.get(_url("message", key), {"part": "headers"}).text
        )
