from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.test import Client

from styleguide_example.announcements.forms import version_of
from styleguide_example.announcements.models import BODY_LENGTH_MAX, Announcement
from styleguide_example.announcements.tests.admins import (
    ADD,
    PREVIEW,
    WRITER,
    page_of,
    sending,
    staff_make,
    stopped,
    text_of,
    typed,
)
from styleguide_example.announcements.tests.factories import AnnouncementFactory, people_make
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return staff_make(*WRITER)


@pytest.fixture
def writer(client: Client, person: User) -> Client:
    """Signed in as somebody who may write announcements, and not send them."""
    client.force_login(person)
    return client


def _history() -> list[int]:
    return list(LogEntry.objects.order_by("pk").values_list("action_flag", flat=True))


class TestAdd:
    def test_saves_a_draft(self, writer: Client, person: User) -> None:
        response: Any = writer.post(ADD, typed(_save="1"))
        announcement = Announcement.objects.get()
        assert response.status_code == 302
        assert (announcement.subject, announcement.audience, announcement.created_by) == (
            "New this month",
            "everyone",
            person,
        )
        assert announcement.is_editable
        assert _history() == [ADDITION]

    def test_leads_to_how_it_looks_if_asked(self, writer: Client) -> None:
        response: Any = writer.post(ADD, typed(_look="1"))
        assert response.url == page_of(Announcement.objects.get(), "look")

    def test_keeps_the_parameters_of_the_chosen_rule_alone(self, writer: Client) -> None:
        writer.post(ADD, typed(audience="joined-since", **{"joined-since__since": "2026-02-03"}))
        writer.post(ADD, typed(audience="staff", **{"joined-since__since": "no date"}))
        assert list(Announcement.objects.order_by("pk").values_list("audience", "audience_parameters")) == [
            ("joined-since", {"since": "2026-02-03"}),
            ("staff", {}),
        ]

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"subject": ""}, "This field is required."),
            ({"subject": "x" * 201}, "at most 200 characters"),
            ({"subject": "Two\x07bells"}, "subject"),
            ({"body": " "}, "This field is required."),
            ({"body": "x" * (BODY_LENGTH_MAX + 1)}, f"at most {BODY_LENGTH_MAX} characters"),
            ({"audience": ""}, "This field is required."),
            ({"audience": "my-friends"}, "Select a valid choice."),
            ({"audience": "joined-since"}, "This field is required."),
            ({"audience": "joined-since", "joined-since__since": "tomorrow"}, "Enter a valid date."),
        ],
    )
    def test_says_what_is_wrong_and_keeps_what_was_typed(
        self, writer: Client, changes: dict[str, str], error: str
    ) -> None:
        page = text_of(writer.post(ADD, typed(**changes)))
        assert "Please correct the error" in page
        assert error in page
        assert not Announcement.objects.exists()


class TestChange:
    def test_saves_what_was_changed(self, writer: Client) -> None:
        draft = AnnouncementFactory.create()
        writer.post(page_of(draft), typed(subject="Better", version=version_of(draft)))
        draft.refresh_from_db()
        assert draft.subject == "Better"
        assert _history() == [CHANGE]

    def test_shows_what_is_stored(self, writer: Client) -> None:
        draft = AnnouncementFactory.create(audience="joined-since", audience_parameters={"since": "2026-02-03"})
        page = text_of(writer.get(page_of(draft)))
        assert 'value="2026-02-03"' in page
        assert " checked" in page.split('value="joined-since"')[1].split(">")[0]

    def test_does_not_undo_what_somebody_else_wrote(self, writer: Client) -> None:
        draft = AnnouncementFactory.create()
        seen = version_of(draft)
        writer.post(page_of(draft), typed(subject="First", version=seen))
        page = text_of(writer.post(page_of(draft), typed(subject="Second", version=seen)))
        assert "Somebody else changed this announcement" in page
        assert Announcement.objects.get().subject == "First"

    def test_is_read_only_once_the_sending_began(self, writer: Client) -> None:
        people_make(1)
        page = text_of(writer.get(page_of(sending())))
        assert 'name="subject"' not in page
        assert "the text and the audience are fixed" in page

    @pytest.mark.parametrize("begin", [sending, stopped])
    def test_that_comes_too_late_changes_nothing_and_shows_why(self, writer: Client, begin: Any) -> None:
        people_make(1)
        announcement = begin()
        url = page_of(announcement)
        response: Any = writer.post(url, typed(subject="Late", version=version_of(announcement)), follow=True)
        assert response.redirect_chain[-1][0] == page_of(announcement, "progress")
        assert "what you typed was not saved" in text_of(response)
        assert Announcement.objects.get().subject != "Late"


class TestDelete:
    def test_deletes_a_draft(self, writer: Client) -> None:
        draft = AnnouncementFactory.create()
        assert "New this month" in text_of(writer.get(page_of(draft, "delete")))
        writer.post(page_of(draft, "delete"), {"post": "yes"})
        assert not Announcement.objects.exists()
        assert _history() == [DELETION]

    def test_leaves_what_was_sent(self, writer: Client) -> None:
        people_make(1)
        announcement = stopped()
        assert writer.post(page_of(announcement, "delete"), {"post": "yes"}).status_code == 403
        assert Announcement.objects.exists()


class TestPreview:
    def test_shows_the_text_and_for_how_many_people(self, writer: Client) -> None:
        people_make(5)
        suppression_add(address="reader-2@example.com", reason=SuppressionReason.UNSUBSCRIBED)
        page = text_of(writer.post(PREVIEW, typed()))
        assert "Three things are <strong>better</strong>." in page
        assert "6</strong> people, of whom 1 is skipped" in page  # with the writer
        assert not Announcement.objects.exists()

    def test_counts_those_whom_the_rule_means(self, writer: Client) -> None:
        people_make(5)
        assert "1</strong> person." in text_of(writer.post(PREVIEW, typed(audience="staff")))
        assert "Nobody" in text_of(writer.post(PREVIEW, typed(audience="onboarded")))

    def test_waits_for_what_is_not_typed_yet(self, writer: Client) -> None:
        page = text_of(writer.post(PREVIEW, {"audience": "joined-since", "joined-since__since": "20"}))
        assert "Type the date, to see how many that are." in page
        assert "none yet" in page
        assert "Choose who gets it, to see" in text_of(writer.post(PREVIEW, {}))

    def test_shows_what_is_added_by_itself(self, writer: Client) -> None:
        for page in (text_of(writer.post(PREVIEW, typed())), text_of(writer.get(ADD))):
            assert '<p class="quiet">Hello <name>,</p>' in page
            assert "<u>Unsubscribe</u>" in page
        assert "The e-mail begins with “Hello <name>,” by itself." in page

    def test_says_what_is_wrong_with_the_text(self, writer: Client) -> None:
        page = text_of(writer.post(PREVIEW, typed(body="x" * (BODY_LENGTH_MAX + 1))))
        assert "at most 50000 characters" in page
        assert "xxxx" not in page

    def test_escapes_what_is_typed(self, writer: Client) -> None:
        bad = "<script>alert(1)</script> [x](javascript:alert(1))"
        response: Any = writer.post(PREVIEW, typed(subject=bad, body=bad))
        page = response.content.decode()
        assert "<script" not in page
        assert 'href="javascript' not in page

    def test_needs_no_javascript(self, writer: Client) -> None:
        people_make(5)
        page = text_of(writer.post(ADD, typed(_preview="1")))
        assert "Three things are <strong>better</strong>." in page
        assert "6</strong> people" in page
        assert "Please correct" not in page
        assert not Announcement.objects.exists()
