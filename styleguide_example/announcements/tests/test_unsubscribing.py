import email
import re
from email import policy
from email.message import EmailMessage

import pytest
from django.core.signing import Signer
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.announcements.exceptions import UnsubscribeLinkError
from styleguide_example.announcements.fanout import announcement_fan_out
from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tests.factories import (
    AnnouncementFactory,
    announcement_begun,
    job_held,
    people_make,
)
from styleguide_example.announcements.unsubscribing import address_from_token, unsubscribe_url
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.mime import email_to_message
from styleguide_example.emails.models import Email, Suppression
from styleguide_example.emails.services import email_send
from styleguide_example.emails.suppressions import is_suppressed, suppression_add
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.users.models import User

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
ADDRESS = "reader-0@example.com"


@pytest.fixture
def announcement(queue: Queue) -> Announcement:
    """One that was written to ``reader-0`` and ``reader-1``."""
    people_make(2, full_name="Ada")
    announcement = announcement_begun()
    announcement_fan_out(announcement=announcement, job=job_held(announcement))
    return announcement


@pytest.fixture
def path(announcement: Announcement) -> str:
    """Where the link of ``reader-0`` leads."""
    reader = User.objects.get(email=ADDRESS)
    return unsubscribe_url(announcement=announcement, user=reader).removeprefix("http://localhost:8000")


def _link(message: EmailMessage) -> str:
    """What a mail client makes of the header: a long line was folded before its one word (RFC 5322 2.2.3)."""
    link = str(message["List-Unsubscribe"]).strip()
    assert (link[0], link[-1]) == ("<", ">")
    assert not re.search(r"\s", link)
    return link[1:-1]


def _token(path: str) -> str:
    return path.removeprefix("/unsubscribe/").removesuffix("/")


@pytest.mark.django_db
class TestUnsubscribeHeaders:
    def test_arrive_whole_and_name_the_persons_own_link(
        self, announcement: Announcement, path: str, settings: Settings
    ) -> None:
        row = Email.objects.get(to=[ADDRESS])
        message = email.message_from_bytes(email_to_message(row).message().as_bytes(), policy=policy.default)
        assert _link(message) == f"http://localhost:8000{path}"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert f"http://localhost:8000{path}" in row.plain_text
        assert path in row.html

    def test_stay_one_link_when_it_is_long(self, queue: Queue, settings: Settings) -> None:
        settings.APP_BASE_URL = f"https://{'a' * 60}.{'b' * 60}.{'c' * 60}.example.com/{'d' * 300}"
        people_make(1)
        announcement = announcement_begun()
        announcement_fan_out(announcement=announcement, job=job_held(announcement))
        raw = email_to_message(Email.objects.get()).message().as_bytes()
        assert max(map(len, raw.split(b"\n"))) <= 998  # RFC 5322 2.1.1
        message = email.message_from_bytes(raw, policy=policy.default)
        link = _link(message)
        assert link in Email.objects.get().plain_text
        assert len(link) > 500

    def test_work_as_they_arrive_at_a_mail_server(
        self, announcement: Announcement, smtp: SMTPServer, client: Client, transactional_db: None
    ) -> None:
        email_send(email=Email.objects.get(to=[ADDRESS]))
        (received,) = smtp.received
        link = _link(received.message)
        assert client.post(link.removeprefix("http://localhost:8000"), ONE_CLICK).status_code == 200
        assert is_suppressed(address=ADDRESS)


@pytest.mark.django_db
class TestUnsubscribeView:
    def test_unsubscribes_by_one_post_without_a_session_or_a_csrf_token(
        self, path: str, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        client = Client(enforce_csrf_checks=True)
        with django_assert_max_num_queries(8):
            response = client.post(path, ONE_CLICK)
        assert (response.status_code, client.cookies) == (200, {})
        suppression = Suppression.objects.get()
        assert (suppression.address, suppression.reason) == (ADDRESS, SuppressionReason.UNSUBSCRIBED)

    def test_takes_the_post_in_both_forms_that_the_rfc_allows(self, path: str) -> None:
        client = Client()
        encoded = "application/x-www-form-urlencoded"
        assert client.post(path, "List-Unsubscribe=One-Click", content_type=encoded).status_code == 200
        Suppression.objects.all().delete()
        assert client.post(path, ONE_CLICK).status_code == 200  # multipart/form-data
        assert Suppression.objects.count() == 1

    def test_does_it_once_however_often_it_is_asked(self, client: Client, path: str) -> None:
        for _ in range(3):
            assert client.post(path, ONE_CLICK).status_code == 200
        assert Suppression.objects.count() == 1

    def test_only_shows_a_page_to_who_follows_the_link(self, client: Client, path: str) -> None:
        for _ in range(2):
            page = client.get(path)
            assert page.status_code == 200
            assert 'name="List-Unsubscribe" value="One-Click"' in page.content.decode()
        assert client.head(path).status_code == 200
        assert not Suppression.objects.exists()

    def test_lets_people_come_back(self, client: Client, path: str) -> None:
        assert "You are unsubscribed" in client.post(path, ONE_CLICK).content.decode()
        assert "You are unsubscribed" in client.get(path).content.decode()
        assert "Welcome back" in client.post(path, {"resubscribe": "yes"}).content.decode()
        assert not Suppression.objects.exists()
        assert "No more announcements?" in client.get(path).content.decode()

    def test_does_not_bring_back_an_address_that_servers_refuse(self, client: Client, path: str) -> None:
        suppression_add(address=ADDRESS, reason=SuppressionReason.BOUNCED)
        client.post(path, {"resubscribe": "yes"})
        assert is_suppressed(address=ADDRESS)

    @pytest.mark.parametrize("data", [{}, {"List-Unsubscribe": "Other"}, {"x": "y"}])
    def test_changes_nothing_for_a_post_that_says_something_else(
        self, client: Client, path: str, data: dict[str, str]
    ) -> None:
        assert client.post(path, data).status_code == 400
        assert not Suppression.objects.exists()

    def test_keeps_the_link_out_of_caches_search_engines_and_other_sites(self, client: Client, path: str) -> None:
        headers = client.get(path).headers
        assert headers["X-Robots-Tag"] == "noindex"
        # `no-referrer` would make browsers send `Origin: null`, and "Sign out" on this page answer with 403.
        assert headers["Referrer-Policy"] == "same-origin"
        assert "no-store" in headers["Cache-Control"]

    def test_has_one_heading_and_no_inline_style_or_script(self, client: Client, path: str) -> None:
        answers = [
            client.get(path),
            client.post(path, ONE_CLICK),
            client.post(path, {"resubscribe": "yes"}),
            client.get("/unsubscribe/x/"),
        ]
        for answer in answers:
            page = answer.content.decode()
            assert page.count("<h1>") == 1
            assert " style=" not in page
            assert "<script>" not in page

    def test_names_nobody_on_the_page(self, client: Client, path: str) -> None:
        page = client.get(path).content.decode() + client.post(path, ONE_CLICK).content.decode()
        assert ADDRESS not in page
        assert "Ada" not in page


@pytest.mark.django_db
class TestAForgedLink:
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_is_answered_with_404_whatever_is_wrong_with_it(
        self, client: Client, path: str, announcement: Announcement, method: str
    ) -> None:
        first, second, signature = _token(path).split(".")
        tokens = [
            "x",
            "..",
            "1.2",
            f"{first}.{second}.{signature[:-1]}",
            f"{first}.{second}.{signature}x",
            f"{first}.{int(second) + 1}.{signature}",
            f"{int(first) + 1}.{second}.{signature}",
            f"{first}.{second}.{'A' * len(signature)}",
            f"{'9' * 18}.{second}.{signature}",
            f"{'9' * 30}.{second}.{signature}",
            f"-1.{second}.{signature}",
            f"{first}.{second}\u0661.{signature}",
            f"{first}.{second}.{signature}.{signature}",
            f"0{first}.{second}.{signature}",
            "a" * 5000,
        ]
        for token in tokens:
            forged = reverse("announcements:unsubscribe", kwargs={"token": token})
            response = getattr(client, method)(forged, ONE_CLICK if method == "post" else None)
            assert response.status_code == 404, token
            assert "link is not complete" in response.content.decode()
        assert not Suppression.objects.exists()

    def test_of_another_purpose_opens_nothing(self, announcement: Announcement) -> None:
        reader = User.objects.get(email=ADDRESS)
        signature = Signer(sep=".").signature(f"{announcement.pk}.{reader.pk}.{ADDRESS}")
        with pytest.raises(UnsubscribeLinkError):
            address_from_token(token=f"{announcement.pk}.{reader.pk}.{signature}")


@pytest.mark.django_db
class TestAddressFromToken:
    def test_is_still_the_address_that_the_email_went_to(self, path: str) -> None:
        User.objects.filter(email=ADDRESS).update(email="new@example.com")
        assert address_from_token(token=_token(path)) == ADDRESS

    def test_is_so_when_the_account_is_gone(self, path: str) -> None:
        User.objects.filter(email=ADDRESS).delete()
        assert address_from_token(token=_token(path)) == ADDRESS

    def test_is_the_persons_when_the_email_was_cleaned_up(self, path: str) -> None:
        Email.objects.all().delete()
        assert address_from_token(token=_token(path)) == ADDRESS

    def test_is_nobodys_when_both_are_gone(self, path: str) -> None:
        Email.objects.all().delete()
        User.objects.filter(email=ADDRESS).update(email="new@example.com")
        with pytest.raises(UnsubscribeLinkError):
            address_from_token(token=_token(path))

    def test_outlives_a_change_of_the_secret_key(self, path: str, settings: Settings) -> None:
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-key-that-was-made-up-for-this-test"
        assert address_from_token(token=_token(path)) == ADDRESS

    def test_is_not_in_the_link(self, path: str) -> None:
        assert "reader" not in path
        assert "@" not in path

    def test_works_for_a_test_email_of_a_draft(self) -> None:
        (person,) = people_make(1)
        url = unsubscribe_url(announcement=AnnouncementFactory.create(), user=person)
        assert address_from_token(token=url.rstrip("/").rpartition("/")[2]) == ADDRESS


@pytest.mark.django_db
class TestWhoUnsubscribed:
    def test_gets_no_further_announcement(self, client: Client, path: str, queue: Queue) -> None:
        client.post(path, ONE_CLICK)
        second = announcement_begun()
        result = announcement_fan_out(announcement=second, job=job_held(second))
        assert (result["written"], result["suppressed"]) == (1, 1)
