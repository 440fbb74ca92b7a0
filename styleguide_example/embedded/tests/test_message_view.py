from email.message import EmailMessage
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from styleguide_example.embedded.mailbox import caught_add, caught_keys
from styleguide_example.embedded.tests.conftest import Catch

HTML = '<!doctype html><html><head><title>A</title></head><body><a href="/confirm/">Confirm</a></body></html>'


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

    @pytest.mark.parametrize("part", ["", "html", "nonsense"])
    def test_shows_the_text_where_there_is_no_html(self, client: Client, catch: Catch, part: str) -> None:
        page = client.get(_url("message", catch(text="Only text")), {"part": part}).text

        assert "Only text" in page
        assert "<iframe" not in page

    @pytest.mark.parametrize("key", ["missing", "..%2Fsecret", ".."])
    def test_is_absent_for_a_key_that_does_not_exist(self, client: Client, catch: Catch, key: str) -> None:
        catch()

        assert client.get(f"/mailbox/{key}/").status_code == 404


class TestMessageHtmlView:
    def test_is_harmless_however_it_is_opened(self, client: Client, catch: Catch) -> None:
        response = client.get(_url("message-html", catch(html=HTML)))

        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'")
        assert "allow-scripts" not in policy
        assert "allow-same-origin" not in policy
        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"

    def test_opens_links_in_a_new_tab(self, client: Client, catch: Catch) -> None:
        page = client.get(_url("message-html", catch(html=HTML))).text

        assert '<head><base target="_blank">' in page
        assert page.startswith("<!doctype html>")


class TestAttachmentView:
    def test_is_saved_and_never_shown(self, client: Client, directory: Path) -> None:
        key = _with_file(directory, b"<script>alert(1)</script>", "../../März.html")

        response = client.get(_url("attachment", key, 1))

        assert response.content == b"<script>alert(1)</script>"
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"] == "attachment; filename*=utf-8''M%C3%A4rz.html"
        assert response.headers["X-Content-Type-Options"] == "nosniff"

    def test_is_named_on_the_message(self, client: Client, directory: Path) -> None:
        key = _with_file(directory, b"%PDF", "invoice.pdf")

        page = client.get(_url("message", key)).text

        assert _url("attachment", key, 1) in page
        assert "invoice.pdf" in page

    @pytest.mark.parametrize("number", [0, 2])
    def test_is_absent_beyond_the_last(self, client: Client, directory: Path, number: int) -> None:
        key = _with_file(directory, b"x", "a.txt")

        assert client.get(_url("attachment", key, number)).status_code == 404


class TestDeleteView:
    def test_deletes_one_message(self, client: Client, catch: Catch, directory: Path) -> None:
        kept, deleted = catch(), catch()

        response = client.post(_url("delete", deleted), follow=True)

        assert "The message was deleted." in response.text
        assert caught_keys(directory) == [kept]

    def test_is_absent_for_what_was_deleted_before(self, client: Client, directory: Path) -> None:
        assert client.post(_url("delete", "missing")).status_code == 404


def _with_file(directory: Path, content: bytes, filename: str) -> str:
    message = EmailMessage()
    message["Subject"] = "With a file"
    message.set_content("See the file.")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=filename)
    return caught_add(directory, envelope_from="a@example.com", envelope_to=["b@example.com"], source=bytes(message))
