from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
from pytest_django import Settings

from styleguide_example.embedded.mailbox import caught_keys, caught_mark
from styleguide_example.embedded.pages import PAGE_SIZE
from styleguide_example.embedded.tests.conftest import Catch

pytestmark = pytest.mark.once

MAILBOX = reverse("embedded:mailbox")
PULSE = reverse("embedded:pulse")


def _rows(page: str) -> list[str]:
    return [row.text_content() for row in html.document_fromstring(page).xpath("//li")]


class TestMailboxView:
    def test_says_what_to_do_when_it_is_empty(self, client: Client, directory: Path) -> None:
        response = client.get(MAILBOX)

        assert response.status_code == 200
        assert "No mail yet" in response.text
        assert reverse("users:sign-up") in response.text

    def test_lists_newest_first_with_sender_recipient_subject_and_time(self, client: Client, catch: Catch) -> None:
        catch(to="ada@example.com", subject="First")
        key = catch(to="grace@example.com", subject="Second", text="Dear Grace")

        page = client.get(MAILBOX).text

        newest, oldest = _rows(page)
        assert "First" in oldest
        for word in ("Second", "hello@example.com", "grace@example.com", "Dear Grace", "Unread", "now"):
            assert word in newest
        assert reverse("embedded:message", args=[key]) in page
        assert "<time datetime=" in page

    def test_shows_html_in_a_subject_as_text(self, client: Client, catch: Catch) -> None:
        catch(subject="<script>alert(1)</script>", to='"<b>"@example.com')

        page = client.get(MAILBOX).text

        assert "<script>alert" not in page
        assert "<b>" not in page
        assert "&lt;script&gt;" in page

    def test_shows_a_page_at_a_time(self, client: Client, catch: Catch) -> None:
        for number in range(PAGE_SIZE + 1):
            catch(subject=f"Letter {number:02}")

        first, second = client.get(MAILBOX).text, client.get(MAILBOX, {"page": "2"}).text

        assert len(_rows(first)) == PAGE_SIZE
        assert "Older" in first
        assert "Newer" in second
        assert ["Letter 00" in row for row in _rows(second)] == [True]

    def test_finds_words_in_subjects_addresses_and_texts(self, client: Client, catch: Catch) -> None:
        catch(to="ada@example.com", subject="Invoice", text="Due in May")
        catch(to="grace@example.com", subject="Invoice", text="Due in June")

        for query in ("ada", "invoice MAY", "hello@example.com in may"):
            rows = _rows(client.get(MAILBOX, {"q": query}).text)
            assert ["ada@example.com" in row for row in rows] == [True], query
        assert "Nothing found" in client.get(MAILBOX, {"q": "may june"}).text

    def test_tells_a_doubled_delivery(self, client: Client, catch: Catch) -> None:
        catch(subject="Once", message_id="<1@example.com>")
        catch(subject="Twice", message_id="<2@example.com>")
        catch(subject="Twice", message_id="<2@example.com>")

        assert ["came 2 times" in row for row in _rows(client.get(MAILBOX).text)] == [True, True, False]

    def test_is_not_kept_by_browsers(self, client: Client, directory: Path) -> None:
        assert "no-store" in client.get(MAILBOX).headers["Cache-Control"]

    def test_says_so_where_mail_goes_elsewhere(self, client: Client, directory: Path, settings: Settings) -> None:
        assert "another machine" not in client.get(MAILBOX).text
        settings.EMAIL_HOST = "mail.example.com"
        assert "another machine" in client.get(MAILBOX).text

    def test_brings_no_style_and_no_script_of_its_own(self, client: Client, catch: Catch) -> None:
        key = catch(html="<p style='color: red' onclick='alert(1)'>Hello</p>")
        addresses = [MAILBOX, reverse("embedded:errors"), reverse("embedded:message", args=[key])]

        for address in addresses:
            response = client.get(address)
            inline = "//script[not(@src)] | //style | //*[@style] | //@*[starts-with(name(), 'on')]"
            assert html.document_fromstring(response.text).xpath(inline) == []
            assert "unsafe" not in response.headers["Content-Security-Policy"]


class TestPulseView:
    def test_counts_what_came_after_a_message(self, client: Client, catch: Catch) -> None:
        catch()
        seen = catch()
        assert client.get(PULSE, {"after": seen}).json()["new"] == 0

        catch()
        assert client.get(PULSE, {"after": seen}).json()["new"] == 1

    def test_says_another_word_whenever_the_pages_do(self, client: Client, catch: Catch, directory: Path) -> None:
        words = [client.get(PULSE).json()["state"]]
        key = catch()
        words.append(client.get(PULSE).json()["state"])
        caught_mark(directory, keys=[key], seen=True)
        words.append(client.get(PULSE).json()["state"])
        client.post(reverse("embedded:errors"), {"answer": "451", "stage": "data", "count": "1"})
        words.append(client.get(PULSE).json()["state"])

        assert len(set(words)) == 4
        assert f'data-state="{words[-1]}"' in client.get(MAILBOX).text


NAMES = ["mailbox", "pulse", "errors", "selected", "delete-all"]
NAMES_OF_ONE = ["message", "message-html", "source", "delete"]


def test_every_page_is_absent_without_debug(client: Client, catch: Catch, settings: Settings) -> None:
    key = catch(html="<p>Hello</p>")
    urls = [reverse(f"embedded:{name}") for name in NAMES]
    urls += [reverse(f"embedded:{name}", args=[key]) for name in NAMES_OF_ONE]
    urls += [reverse(f"embedded:{name}", args=[key, 1]) for name in ("attachment", "picture")]
    settings.DEBUG = False

    for url in urls:
        assert client.get(url).status_code == 404
        assert client.post(url, {"key": key, "do": "delete"}).status_code == 404
    assert caught_keys(settings.VAR_DIR / "mail") == [key]
