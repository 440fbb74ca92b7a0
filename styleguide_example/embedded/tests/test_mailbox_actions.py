from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from styleguide_example.embedded.mailbox import caught_keys, caught_paths, is_seen
from styleguide_example.embedded.tests.conftest import Catch

pytestmark = pytest.mark.once

DELETE_ALL = reverse("embedded:delete-all")
SELECTED = reverse("embedded:selected")


def _seen(directory: Path) -> dict[str, bool]:
    return {key: is_seen(path) for key, path in caught_paths(directory).items()}


class TestDeleteView:
    def test_deletes_one_message(self, client: Client, catch: Catch, directory: Path) -> None:
        kept, deleted = catch(), catch()

        response = client.post(reverse("embedded:delete", args=[deleted]), follow=True)

        assert "The message was deleted." in response.text
        assert caught_keys(directory) == [kept]

    def test_deletes_one_that_was_read(self, client: Client, catch: Catch, directory: Path) -> None:
        key = catch()
        client.get(reverse("embedded:message", args=[key]))

        client.post(reverse("embedded:delete", args=[key]))

        assert caught_keys(directory) == []

    def test_is_absent_for_what_was_deleted_before(self, client: Client, directory: Path) -> None:
        assert client.post(reverse("embedded:delete", args=["missing"])).status_code == 404


class TestSelectedView:
    def test_deletes_what_is_selected_and_nothing_else(self, client: Client, catch: Catch, directory: Path) -> None:
        first, kept, last = catch(), catch(), catch()

        response = client.post(SELECTED, {"key": [first, last, "../secret"], "do": "delete"}, follow=True)

        assert "2 messages were deleted." in response.text
        assert caught_keys(directory) == [kept]

    def test_marks_as_read_and_as_unread(self, client: Client, catch: Catch, directory: Path) -> None:
        other, key = catch(), catch()

        client.post(SELECTED, {"key": [key], "do": "read"})
        assert _seen(directory) == {key: True, other: False}

        response = client.post(SELECTED, {"key": [key, other], "do": "unread"}, follow=True)
        assert "One message was marked as unread." in response.text
        assert _seen(directory) == {key: False, other: False}

    def test_leads_back_to_where_it_was_asked(self, client: Client, directory: Path) -> None:
        response = client.post(SELECTED, {"do": "read", "q": "ada & bob", "page": "2"})

        assert response.headers["Location"] == "/mailbox/?q=ada+%26+bob&page=2"

    def test_does_nothing_else(self, client: Client, catch: Catch, directory: Path) -> None:
        key = catch()

        assert client.post(SELECTED, {"key": key, "do": "burn"}).status_code == 404
        assert client.get(SELECTED, {"key": key, "do": "delete"}).status_code == 405
        assert caught_keys(directory) == [key]


class TestDeleteAllView:
    def test_deletes_everything_and_says_so(self, client: Client, catch: Catch) -> None:
        catch()
        client.get(reverse("embedded:message", args=[catch()]))

        response = client.post(DELETE_ALL, follow=True)

        assert "2 messages were deleted." in response.text
        assert "No mail yet" in response.text

    def test_needs_a_form_of_ours(self, catch: Catch, directory: Path) -> None:
        catch()

        assert Client(enforce_csrf_checks=True).post(DELETE_ALL).status_code == 403
        assert len(caught_keys(directory)) == 1

    def test_deletes_nothing_by_a_link(self, client: Client, catch: Catch, directory: Path) -> None:
        catch()

        assert client.get(DELETE_ALL).status_code == 405
        assert len(caught_keys(directory)) == 1
