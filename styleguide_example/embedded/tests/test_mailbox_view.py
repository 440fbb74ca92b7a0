import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from styleguide_example.embedded.mailbox import caught_keys
from styleguide_example.embedded.tests.conftest import Catch
from styleguide_example.embedded.views import PAGE_SIZE

MAILBOX = reverse("embedded:mailbox")
DELETE_ALL = reverse("embedded:delete-all")


class TestMailboxView:
    def test_says_what_to_do_when_it_is_empty(self, client: Client, directory: object) -> None:
        response = client.get(MAILBOX)

        assert response.status_code == 200
        assert "No mail yet" in response.text
        assert reverse("users:sign-up") in response.text

    def test_lists_newest_first_with_recipient_subject_and_time(self, client: Client, catch: Catch) -> None:
        catch(to="ada@example.com", subject="First")
        key = catch(to="grace@example.com", subject="Second")

        page = client.get(MAILBOX).text

        assert page.index("Second") < page.index("First")
        assert "grace@example.com" in page
        assert reverse("embedded:message", args=[key]) in page
        assert "<time datetime=" in page

    def test_shows_html_in_a_subject_as_text(self, client: Client, catch: Catch) -> None:
        catch(subject="<script>alert(1)</script>", to='"<b>"@example.com')

        page = client.get(MAILBOX).text

        assert "<script>" not in page
        assert "<b>" not in page
        assert "&lt;script&gt;" in page

    def test_shows_a_page_at_a_time(self, client: Client, catch: Catch) -> None:
        for number in range(PAGE_SIZE + 1):
            catch(subject=f"Letter {number:02}")

        first, second = client.get(MAILBOX).text, client.get(MAILBOX, {"page": "2"}).text

        assert first.count("<li>") == PAGE_SIZE
        assert "Older" in first
        assert second.count("<li>") == 1
        assert "Letter 00" in second
        assert "Newer" in second

    def test_is_not_kept_by_browsers(self, client: Client, directory: object) -> None:
        assert "no-store" in client.get(MAILBOX).headers["Cache-Control"]


class TestDeleteAllView:
    def test_deletes_everything_and_says_so(self, client: Client, catch: Catch, settings: Settings) -> None:
        catch()
        catch()

        response = client.post(DELETE_ALL, follow=True)

        assert "2 messages were deleted." in response.text
        assert "No mail yet" in response.text

    def test_needs_a_form_of_ours(self, catch: Catch, settings: Settings) -> None:
        catch()

        assert Client(enforce_csrf_checks=True).post(DELETE_ALL).status_code == 403
        assert len(caught_keys(settings.VAR_DIR / "mail")) == 1

    def test_deletes_nothing_by_a_link(self, client: Client, catch: Catch, settings: Settings) -> None:
        catch()

        assert client.get(DELETE_ALL).status_code == 405
        assert len(caught_keys(settings.VAR_DIR / "mail")) == 1


@pytest.mark.parametrize("name", ["mailbox", "message", "message-html", "attachment", "delete", "delete-all"])
def test_every_page_is_absent_without_debug(client: Client, catch: Catch, settings: Settings, name: str) -> None:
    key = catch(html="<p>Hello</p>")
    arguments = {"mailbox": [], "delete-all": [], "attachment": [key, 1]}.get(name, [key])
    settings.DEBUG = False

    url = reverse(f"embedded:{name}", args=arguments)

    assert client.get(url).status_code == 404
    assert client.post(url).status_code == 404
    assert caught_keys(settings.VAR_DIR / "mail") == [key]
