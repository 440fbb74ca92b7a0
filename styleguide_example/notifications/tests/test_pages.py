"""The pages of notifications, as the person who is signed in and as somebody else."""

import pytest
from django.db import connection
from django.http import HttpRequest
from django.template import RequestContext, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import Notification, NotificationSettings
from styleguide_example.notifications.services import notification_mark_read, notification_send
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db

LIST = "/notifications/"


def _told(user: User, *, title: str = "Export: done", level: Level = Level.SUCCESS, **fields: str) -> Notification:
    sent = notification_send(user_id=user.pk, level=level, title=title, **fields)
    assert sent is not None
    return sent


def _read_url(notification: Notification) -> str:
    return reverse("notifications:mark-read", kwargs={"notification_id": notification.pk})


def _page(client: Client, url: str = LIST) -> html.HtmlElement:
    return html.document_fromstring(client.get(url).content.decode())


def _text(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


@pytest.fixture
def person(client: Client) -> User:
    """Somebody who is signed in."""
    user = user_onboarded(email="ada@example.com", time_zone="Asia/Kolkata")
    client.force_login(user)
    return user


class TestNotificationListView:
    def test_shows_what_i_was_told_the_newest_first(self, client: Client, person: User) -> None:
        _told(person, title="The first", text="Seven notes", url="/jobs/1/")
        _told(person, title="The second", level=Level.FAILURE)

        page = _page(client)

        second, first = page.find_class("entry")
        assert _text(second).startswith("✕ Failed ● New")
        assert "The second" in _text(second)
        assert "Seven notes" in _text(first)
        assert first.xpath(".//h2/a/@href") == ["/jobs/1/"]
        assert not second.xpath(".//h2/a")

    def test_marks_the_unread_ones_in_words(self, client: Client, person: User) -> None:
        notification_mark_read(notification=_told(person))
        _told(person)
        unread, read = _page(client).find_class("entry")
        assert "New" in _text(unread)
        assert "New" not in _text(read)
        assert not read.xpath(".//form")

    def test_tells_how_often_it_came(self, client: Client, person: User) -> None:
        for _ in range(3):
            _told(person, level=Level.FAILURE, group="a")
        (entry,) = _page(client).find_class("entry")
        assert "3 times since" in _text(entry)

    def test_shows_times_where_the_person_is(self, client: Client, person: User) -> None:
        notification = _told(person)
        Notification.objects.filter(pk=notification.pk).update(last_at="2020-01-31T20:00:00Z")
        (time,) = _page(client).xpath("//main//time")
        assert time.text == "1 Feb 2020, 01:30"
        assert time.get("datetime") == "2020-01-31T20:00:00+00:00"

    def test_escapes_what_it_shows(self, client: Client, person: User) -> None:
        _told(person, title="<script>alert(1)</script>", text="<b>bold</b>")
        page = client.get(LIST).content.decode()
        assert "<script" not in page
        assert "<b>" not in page

    def test_says_so_when_there_is_nothing(self, client: Client, person: User) -> None:
        assert "Nothing yet." in _text(_page(client).find_class("empty")[0])

    def test_shows_twenty_on_a_page(self, client: Client, person: User) -> None:
        for number in range(23):
            _told(person, title=f"Number {number}")
        assert len(_page(client).find_class("entry")) == 20
        second = _page(client, f"{LIST}?page=2")
        assert len(second.find_class("entry")) == 3
        assert second.xpath("//a[@rel='prev']/@href") == ["?page=1"]

    def test_costs_the_same_however_many_there_are(self, client: Client, person: User) -> None:
        _told(person)
        with CaptureQueriesContext(connection) as few:
            client.get(LIST)
        for _ in range(18):
            _told(person)
        with CaptureQueriesContext(connection) as many:
            client.get(LIST)
        assert len(many) == len(few)

    def test_has_no_inline_style_or_script_and_labels_every_field(self, client: Client, person: User) -> None:
        _told(person)
        page = _page(client)
        fields = page.xpath("//input[not(@type='hidden')]")
        assert not page.xpath("//style | //@style | //script")
        assert all(page.xpath(f"//label[@for='{field.get('id')}']") for field in fields)

    def test_is_kept_by_no_cache(self, client: Client, person: User) -> None:
        assert "no-store" in client.get(LIST).headers["Cache-Control"]


class TestNotificationMarkReadView:
    def test_marks_one_and_goes_back_to_its_page(self, client: Client, person: User) -> None:
        notification, other = _told(person), _told(person)

        response = client.post(_read_url(notification), {"page": "2"})

        assert response.headers["Location"] == f"{LIST}?page=2"
        assert list(Notification.objects.filter(read_at=None)) == [other]

    @pytest.mark.parametrize("page", ["//evil.example", "1", "", "²", "-1", "2&next=//evil.example"])
    def test_goes_back_nowhere_but_to_the_list(self, client: Client, person: User, page: str) -> None:
        response = client.post(_read_url(_told(person)), {"page": page})
        assert response.headers["Location"] == LIST

    def test_does_nothing_when_it_is_only_looked_at(self, client: Client, person: User) -> None:
        notification = _told(person)
        assert client.get(_read_url(notification)).status_code == 405
        assert Notification.objects.get().is_unread


class TestNotificationMarkAllReadView:
    def test_marks_what_was_shown(self, client: Client, person: User) -> None:
        _told(person), _told(person)
        (until,) = _page(client).xpath("//input[@name='until']/@value")
        new = _told(person)

        client.post(reverse("notifications:mark-all-read"), {"until": until})

        assert list(Notification.objects.filter(read_at=None)) == [new]

    @pytest.mark.parametrize(
        "until",
        [
            *("", "yesterday", "2026-99-99T00:00:00Z", "2026-01-01T00:00:00"),
            *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        ],
    )
    def test_marks_all_without_a_time_that_it_understands(self, client: Client, person: User, until: str) -> None:
        _told(person)
        response = client.post(reverse("notifications:mark-all-read"), {"until": until}, follow=True)
        assert "All marked as read." in response.content.decode()
        assert not Notification.objects.filter(read_at=None).exists()

    def test_is_offered_only_where_there_is_something(self, client: Client, person: User) -> None:
        notification_mark_read(notification=_told(person))
        assert "Mark all as read" not in client.get(LIST).content.decode()


class TestNotificationSettingsView:
    def test_saves_what_the_person_ticks(self, client: Client, person: User) -> None:
        response = client.post(reverse("notifications:settings"), {"email_on_success": "on"}, follow=True)

        assert "Saved what we write to you about." in response.content.decode()
        chosen = NotificationSettings.objects.get(user=person)
        assert (chosen.email_on_failure, chosen.email_on_success) == (False, True)

    def test_shows_what_was_chosen(self, client: Client, person: User) -> None:
        assert _page(client).xpath("//input[@type='checkbox' and @checked]/@name") == ["email_on_failure"]
        client.post(reverse("notifications:settings"), {"email_on_success": "on"})
        assert _page(client).xpath("//input[@type='checkbox' and @checked]/@name") == ["email_on_success"]


class TestBadge:
    def test_counts_the_unread_ones_in_words_too(self, client: Client, person: User) -> None:
        _told(person), _told(person), notification_mark_read(notification=_told(person))
        (badge,) = _page(client, "/home/").find_class("badge")
        assert _text(badge) == "2(2 unread)"

    def test_is_not_there_for_none(self, client: Client, person: User) -> None:
        assert not _page(client, "/home/").find_class("badge")

    def test_stops_at_99(self, client: Client, person: User) -> None:
        rows = [Notification(user=person, level=Level.SUCCESS, title="Done") for _ in range(120)]
        Notification.objects.bulk_create(rows)
        (badge,) = _page(client, "/home/").find_class("badge")
        assert _text(badge) == "99+(99+ unread)"

    def test_costs_one_query(self, client: Client, person: User) -> None:
        with CaptureQueriesContext(connection) as queries:
            client.get("/home/")
        assert len([query for query in queries if "notifications_notification" in query["sql"]]) == 1

    def test_costs_none_for_somebody_who_is_signed_out(self, client: Client) -> None:
        with CaptureQueriesContext(connection) as queries:
            client.get("/sign-in/")
        assert not [query for query in queries if "notifications_notification" in query["sql"]]

    def test_costs_none_where_no_template_shows_it(self, client: Client, person: User) -> None:
        request = HttpRequest()
        request.user = person
        with CaptureQueriesContext(connection) as queries:
            Template("Hello").render(RequestContext(request))
        assert len(queries) == 0


class TestPrivacy:
    def test_shows_nobody_what_somebody_else_was_told(self, client: Client, person: User) -> None:
        _told(user_onboarded(), title="A secret")
        page = client.get(LIST).content.decode()
        assert "A secret" not in page
        assert "Nothing yet." in page
        assert "unread)" not in page

    def test_knows_no_notification_of_somebody_else(self, client: Client, person: User) -> None:
        notification = _told(user_onboarded())
        assert client.post(_read_url(notification)).status_code == 404
        notification.refresh_from_db()
        assert notification.is_unread

    def test_marks_and_saves_nothing_of_somebody_else(self, client: Client, person: User) -> None:
        other = user_onboarded()
        _told(other)
        client.post(reverse("notifications:mark-all-read"))
        client.post(reverse("notifications:settings"), {})
        assert Notification.objects.get(user=other).is_unread
        assert not NotificationSettings.objects.filter(user=other).exists()

    @pytest.mark.parametrize("method", ["get", "post"])
    @pytest.mark.parametrize("path", ["", "read/", "settings/", "1/read/"])
    def test_sends_somebody_who_is_signed_out_to_the_sign_in_and_on_to_a_page(
        self, client: Client, method: str, path: str
    ) -> None:
        response = getattr(client, method)(f"{LIST}{path}")
        assert response.status_code == 302
        # What takes forms alone is no page: whoever was sent back there would read "405".
        assert response.headers["Location"] == ("/sign-in/" if path else f"/sign-in/?next={LIST}")

    @pytest.mark.parametrize("path", ["read/", "settings/", "1/read/"])
    def test_refuses_a_form_of_another_site(self, person: User, path: str) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(person)
        assert strict.post(f"{LIST}{path}").status_code == 403
