"""Who may do what. The other tests of the admin ask as somebody who may."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from styleguide_example.announcements.enums import AnnouncementStatus
from styleguide_example.announcements.forms import version_of
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tests.admins import (
    ADD,
    LIST,
    PREVIEW,
    WRITER,
    live_of,
    page_of,
    sending,
    staff_make,
    stopped,
    text_of,
    typed,
)
from styleguide_example.announcements.tests.factories import AnnouncementFactory, people_make
from styleguide_example.emails.models import Email
from styleguide_example.jobs.models import Job
from styleguide_example.users.tests.factories import user_confirmed

pytestmark = pytest.mark.django_db

#: Every page of a draft, by how it is asked for.
GET_PAGES = ("change", "look", "letter", "send", "progress", "live", "delete", "history")
POST_PAGES = ("change", "test", "send", "cancel", "resume", "delete")
SENDING = ("test", "send", "cancel", "resume")


def _url(announcement: Announcement, name: str) -> str:
    return live_of(announcement) if name == "live" else page_of(announcement, name)


def _everything() -> tuple[Any, ...]:
    """What no page may change by being looked at."""
    tables = (Announcement, Job, Email, LogEntry)
    return tuple(list(table.objects.order_by("pk").values()) for table in tables)


@pytest.fixture
def draft() -> Announcement:
    people_make(3)
    return AnnouncementFactory.create(subject="The secret plan")


@pytest.fixture(params=["nobody", "not staff", "staff without permission"])
def stranger(request: pytest.FixtureRequest, client: Client) -> Client:
    """Everybody who has no business here."""
    if request.param == "not staff":
        client.force_login(user_confirmed(email="somebody@example.com"))
    if request.param == "staff without permission":
        client.force_login(staff_make("view_email", "view_job", "change_user"))
    client.is_staff = request.param.startswith("staff")  # type: ignore[attr-defined]  # for the test alone
    return client


class TestStranger:
    @pytest.mark.parametrize("name", GET_PAGES)
    def test_sees_no_page(self, stranger: Any, draft: Announcement, name: str) -> None:
        response = stranger.get(_url(draft, name))
        assert response.status_code == (403 if stranger.is_staff else 302)
        assert draft.subject not in response.content.decode()

    @pytest.mark.parametrize("url", [LIST, ADD])
    def test_sees_neither_the_list_nor_an_empty_form(self, stranger: Any, draft: Announcement, url: str) -> None:
        response = stranger.get(url)
        assert response.status_code == (403 if stranger.is_staff else 302)
        assert draft.subject not in response.content.decode()

    @pytest.mark.parametrize("name", POST_PAGES)
    def test_changes_nothing(self, stranger: Any, draft: Announcement, name: str) -> None:
        before = _everything()
        data = {**typed(subject="Changed"), "post": "yes", "version": version_of(draft)}
        assert stranger.post(_url(draft, name), data).status_code == (403 if stranger.is_staff else 302)
        assert _everything() == before

    @pytest.mark.parametrize("url", [ADD, PREVIEW])
    def test_writes_nothing(self, stranger: Any, url: str) -> None:
        assert stranger.post(url, typed()).status_code == (403 if stranger.is_staff else 302)
        assert not Announcement.objects.exists()

    @pytest.mark.parametrize("name", ["cancel", "resume"])
    def test_stops_and_resumes_nothing(self, stranger: Any, name: str) -> None:
        people_make(3)
        announcement = sending() if name == "cancel" else stopped()
        before = _everything()
        stranger.post(page_of(announcement, name))
        assert _everything() == before


class TestWriter:
    @pytest.fixture
    def writer(self, client: Client) -> Client:
        client.force_login(staff_make(*WRITER))
        return client

    @pytest.mark.parametrize("name", SENDING)
    def test_cannot_send(self, writer: Client, draft: Announcement, name: str) -> None:
        before = _everything()
        assert writer.post(page_of(draft, name), {"version": version_of(draft)}).status_code == 403
        assert _everything() == before

    def test_is_offered_no_button_to_send(self, writer: Client, draft: Announcement) -> None:
        page = text_of(writer.get(page_of(draft, "look")))
        assert "Go on writing" in page
        assert "Send" not in page
        assert writer.get(page_of(draft, "send")).status_code == 403

    def test_watches_without_buttons(self, writer: Client) -> None:
        people_make(3)
        assert "Cancel</button>" not in text_of(writer.get(page_of(sending(), "progress")))
        assert "Resume</button>" not in text_of(writer.get(page_of(stopped(), "progress")))


class TestSender:
    @pytest.fixture
    def sender(self, client: Client) -> Client:
        client.force_login(staff_make("send_announcement"))
        return client

    def test_sees_every_page(self, sender: Client, draft: Announcement) -> None:
        for url in (LIST, *(page_of(draft, name) for name in ("change", "look", "letter", "send"))):
            assert sender.get(url).status_code == 200
        assert sender.get(page_of(sending(), "progress")).status_code == 200

    def test_writes_and_deletes_nothing(self, sender: Client, draft: Announcement) -> None:
        before = _everything()
        for url in (ADD, PREVIEW, page_of(draft), page_of(draft, "delete")):
            assert sender.post(url, {**typed(), "post": "yes"}).status_code == 403
        assert _everything() == before
        assert 'name="subject"' not in text_of(sender.get(page_of(draft)))

    def test_needs_more_than_sending_to_open_an_email(self, sender: Client) -> None:
        assert sender.get("/admin/emails/email/").status_code == 403


class TestAnybody:
    @pytest.mark.parametrize("name", GET_PAGES)
    def test_changes_nothing_by_looking(self, admin_client: Client, draft: Announcement, name: str) -> None:
        admin_client.get(LIST)
        before = _everything()
        admin_client.get(_url(draft, name))
        assert _everything() == before

    @pytest.mark.parametrize("name", ["test", "cancel", "resume"])
    def test_acts_by_a_form_and_not_by_a_link(self, admin_client: Client, draft: Announcement, name: str) -> None:
        assert admin_client.get(page_of(draft, name)).status_code == 405
        assert admin_client.get(PREVIEW).status_code == 405

    @pytest.mark.parametrize("name", [*SENDING, "change", "delete"])
    def test_acts_by_a_form_of_ours(self, admin_user: Any, draft: Announcement, name: str) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)
        assert client.post(page_of(draft, name), {"version": version_of(draft), **typed()}).status_code == 403
        assert Announcement.objects.select_related("job").get().status is AnnouncementStatus.DRAFT

    @pytest.mark.parametrize("name", [*GET_PAGES, *SENDING])
    def test_finds_nothing_where_nothing_is(self, admin_client: Client, draft: Announcement, name: str) -> None:
        url = _url(draft, name)
        draft.delete()
        response = admin_client.post(url) if name in SENDING else admin_client.get(url)
        assert response.status_code in {302, 404}
        assert not LogEntry.objects.exists()
