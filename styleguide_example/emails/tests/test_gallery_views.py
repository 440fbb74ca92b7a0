from html import unescape
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.common.tests.processes import Queue
from styleguide_example.core.enums import Priority
from styleguide_example.emails import gallery_views
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.gallery_files import letter_write, templates_made
from styleguide_example.users.tests.factories import user_staff

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

GALLERY = reverse("admin:emails_email_gallery")
WELCOME = reverse("admin:emails_email_template", args=["welcome"])
FRAME = reverse("admin:emails_email_template_frame", args=["welcome"])
TEST = reverse("admin:emails_email_template_test", args=["welcome"])


def _signed_in(*permissions: str) -> Client:
    person = user_staff(email="ada@example.com")
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def staff() -> Client:
    """Somebody who may see and change e-mails."""
    return _signed_in("view_email", "change_email")


@pytest.fixture
def letter(settings: Settings, tmp_path: Path) -> str:
    """A template that is broken."""
    letter_write(templates_made(settings, tmp_path), body="{{ nothing }}")
    return "letter"


def _text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return unescape(response.content.decode())


class TestGallery:
    def test_lists_each_template_with_its_subject_and_languages(
        self, staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_max_num_queries(8):  # session, person, permissions, side bar: none for a template
            page = _text(staff, GALLERY)
        assert "Welcome to Fieldnote" in page
        assert "en, de" in page
        assert "None is broken" in page
        assert WELCOME in page

    def test_shows_a_broken_one_as_broken(self, staff: Client, letter: str) -> None:
        page = _text(staff, GALLERY)
        assert "1 broken" in page
        assert page.count("emails/letter.html, line 4): it shows nothing") == 1
        assert "(sample 'Ada', language en)" in page
        assert page.index("letter") < page.index("account_exists")

    @pytest.mark.parametrize("name", ["news.v2", "orders/receipt", "orders/test"])
    def test_leads_to_each_whatever_its_name_is(
        self, staff: Client, settings: Settings, tmp_path: Path, name: str
    ) -> None:
        letter_write(templates_made(settings, tmp_path), name=name)
        page = reverse("admin:emails_email_template", args=[name])
        assert f'href="{page}"' in _text(staff, GALLERY)
        frame = reverse("admin:emails_email_template_frame", args=[name])
        assert f'src="{frame}?' in _text(staff, page)
        assert "Hello Ada" in staff.get(frame).content.decode()

    def test_is_found_from_the_list_of_emails(self, staff: Client) -> None:
        assert f'href="{GALLERY}"' in _text(staff, reverse("admin:emails_email_changelist"))


class TestTemplate:
    def test_shows_the_sample_and_the_language_that_were_asked_for(self, staff: Client) -> None:
        page = _text(staff, f"{WELCOME}?sample=Without+a+name&language=de")
        assert "Willkommen\n\nAlles ist eingerichtet." in page
        assert page.count(f'src="{FRAME}?sample=Without+a+name&language=de"') == 2
        assert page.count('aria-current="true"') == 3

    def test_shows_the_first_where_it_knows_no_such_one(self, staff: Client) -> None:
        assert "Welcome, Ada Lovelace" in _text(staff, f"{WELCOME}?sample=None&language=xx")

    def test_says_what_is_wrong_with_a_broken_one(self, staff: Client, letter: str) -> None:
        page = _text(staff, reverse("admin:emails_email_template", args=[letter]))
        assert "it shows nothing" in page
        assert "<iframe" not in page
        assert "Send me a test" not in page

    def test_is_404_where_there_is_none(self, staff: Client) -> None:
        assert staff.get(reverse("admin:emails_email_template", args=["nothing"])).status_code == 404

    def test_may_be_looked_at_by_whoever_may_see_emails(self) -> None:
        reader = _signed_in("view_email")
        assert "Send me a test" not in _text(reader, WELCOME)
        assert reader.post(TEST).status_code == 403
        assert not Email.objects.exists()


class TestFrame:
    def test_is_the_email_with_nothing_that_runs(self, staff: Client) -> None:
        response = staff.get(f"{FRAME}?language=de")
        assert "Willkommen, Ada Lovelace" in response.content.decode()
        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
        policy = response.headers["Content-Security-Policy"]
        assert "sandbox;" in policy
        assert "default-src 'none'" in policy

    def test_is_light_or_dark_whatever_the_system_is(self, staff: Client) -> None:
        assert "@media not all" in staff.get(FRAME).content.decode()
        assert "@media all" in staff.get(f"{FRAME}?dark=1").content.decode()

    def test_is_404_for_a_broken_one(self, staff: Client, letter: str) -> None:
        assert staff.get(reverse("admin:emails_email_template_frame", args=[letter])).status_code == 404


class TestSendMeATest:
    def test_goes_to_the_person_who_asks_alone_and_is_on_record(self, staff: Client, queue: Queue) -> None:
        asked = {"sample": "Without a name", "language": "de", "to": "eve@example.com"}
        page = unescape(staff.post(TEST, asked, follow=True).content.decode())

        email = Email.objects.get()
        assert (email.to, email.cc, email.bcc) == (["ada@example.com"], [], [])
        assert email.subject == "[Test] Willkommen bei Fieldnote"
        assert (email.status, email.priority, email.idempotency_key) == (Email.Status.SENDING, Priority.HIGH, None)
        assert reverse("admin:emails_email_change", args=[email.pk]) in page
        assert "Willkommen\n\nAlles ist eingerichtet." in page  # the same look as before
        entry = LogEntry.objects.get()
        assert entry.object_id == str(email.pk)
        assert "test of the template welcome (Without a name, de)" in entry.change_message

    def test_may_be_asked_for_again_but_not_without_end(
        self, staff: Client, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gallery_views, "TESTS_PER_PERSON", 2)
        said = [unescape(staff.post(TEST, follow=True).content.decode()) for _ in range(3)]
        assert Email.objects.count() == 2
        assert "Nothing was sent: 2 tests in 15 minutes are the most." in said[2]

    def test_is_not_sent_of_a_broken_one(self, staff: Client, letter: str) -> None:
        page = staff.post(reverse("admin:emails_email_template_test", args=[letter]), follow=True).content.decode()
        assert "Nothing was sent" in page
        assert not Email.objects.exists()
        assert not LogEntry.objects.exists()
