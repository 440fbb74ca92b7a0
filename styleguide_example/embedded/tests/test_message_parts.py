from email.message import EmailMessage
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from styleguide_example.embedded.mailbox import caught_add, caught_get
from styleguide_example.embedded.tests.conftest import HTML, Catch

pytestmark = pytest.mark.once

PNG = b"\x89PNG\r\n\x1a\nand so on"


def _url(name: str, *arguments: object) -> str:
    return reverse(f"embedded:{name}", args=arguments)


def _with_file(directory: Path, content: bytes, filename: str, content_type: str = "application/octet-stream") -> str:
    message = EmailMessage()
    message["Subject"] = "With a file"
    message.set_content("See the file.")
    maintype, subtype = content_type.split("/")
    message.add_attachment(content, maintype=maintype, subtype=subtype, filename=filename)
    return caught_add(directory, envelope_from="a@example.com", envelope_to=["b@example.com"], source=bytes(message))


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

    def test_looks_as_to_somebody_who_prefers_that_scheme(self, client: Client, catch: Catch) -> None:
        style = ":root{color-scheme: light dark} @media (prefers-color-scheme: dark) {p{color:#fff}}"
        url = _url("message-html", catch(html=f"<head><style>{style}</style></head><p>Hello</p>"))

        light, dark = client.get(url).text, client.get(url, {"scheme": "dark"}).text

        assert ":root{color-scheme: light} @media (max-width: 0) {p{color:#fff}}" in light
        assert ":root{color-scheme: dark} @media (min-width: 0) {p{color:#fff}}" in dark
        assert '<meta name="color-scheme" content="dark">' in dark

    def test_shows_the_pictures_that_came_with_it(self, client: Client, directory: Path) -> None:
        message = EmailMessage()
        message.set_content('<img src="cid:logo"><img src="cid:missing">', subtype="html")
        message.add_related(PNG, "image", "png", cid="<logo>")
        key = caught_add(directory, envelope_from="", envelope_to=["a@example.com"], source=bytes(message))

        page = client.get(_url("message-html", key)).text

        assert f'<img src="http://testserver{_url("picture", key, 1)}"><img src="cid:missing">' in page
        assert client.get(_url("picture", key, 1)).content == PNG


class TestSourceView:
    def test_is_the_file_as_it_came(self, client: Client, catch: Catch, directory: Path) -> None:
        key = catch(subject="Report 3/4\u202e")
        mail = caught_get(directory, key)

        response = client.get(_url("source", key))

        assert mail
        assert response.content == mail.source
        assert response.headers["Content-Disposition"] == 'attachment; filename="Report 3-4.eml"'


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


class TestPictureView:
    def test_shows_a_picture_in_which_nothing_runs(self, client: Client, directory: Path) -> None:
        key = _with_file(directory, PNG, "photo.png", "image/png")

        response = client.get(_url("picture", key, 1))

        assert response.headers["Content-Type"] == "image/png"
        assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert _url("picture", key, 1) in client.get(_url("message", key)).text

    @pytest.mark.parametrize(
        ("content", "content_type"),
        [(b"<svg onload='alert(1)'/>", "image/svg+xml"), (b"<script>", "image/png"), (PNG, "text/html")],
    )
    def test_shows_nothing_else(self, client: Client, directory: Path, content: bytes, content_type: str) -> None:
        key = _with_file(directory, content, "photo.png", content_type)

        assert client.get(_url("picture", key, 1)).status_code == 404
        assert _url("picture", key, 1) not in client.get(_url("message", key)).text
