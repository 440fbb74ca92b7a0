"""Which language a page speaks, and an e-mail, and how somebody chooses."""

from typing import cast

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import translation
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.emails.models import Email
from styleguide_example.users.models import User
from styleguide_example.users.services import user_complete_onboarding, user_sign_up, user_update
from styleguide_example.users.tests.factories import PASSWORD, user_confirmed, user_onboarded
from styleguide_example.users.tests.letters import letters_refused, letters_to

pytestmark = pytest.mark.django_db

CHOOSE = reverse("users:language")
HOME = reverse("users:home")
SITE = "http://testserver"
#: As a browser in Austria asks.
GERMAN = {"accept-language": "de-AT,de;q=0.9,en;q=0.5"}


def _language(client: Client, path: str = "/") -> str:
    return str(html.document_fromstring(client.get(path, headers=GERMAN).content).get("lang"))


def _choose(client: Client, language: str, *, page: str = f"{SITE}/", origin: str = SITE) -> HttpResponse:
    """As a browser sends the form at the foot of a page."""
    return cast(
        "HttpResponse", client.post(CHOOSE, {"language": language}, headers={"origin": origin, "referer": page})
    )


class TestLanguageOfAPage:
    def test_is_what_the_browser_asks_for_and_says_so(self, client: Client) -> None:
        response = client.get("/", headers=GERMAN)

        page = html.document_fromstring(response.content)
        assert (page.get("lang"), page.get("dir")) == ("de", "ltr")
        assert "Was Ihr Team lernt" in page.findtext(".//h1")
        assert response.headers["Content-Language"] == "de"
        assert "Accept-Language" in response.headers["Vary"]
        assert translation.get_language() == "en"

    def test_is_english_for_a_browser_that_asks_for_what_we_do_not_speak(self, client: Client) -> None:
        assert client.get("/", headers={"accept-language": "tlh,fi"}).headers["Content-Language"] == "en"

    def test_is_what_the_person_chose_wherever_they_sign_in(self, client: Client) -> None:
        ada = user_onboarded(language="en")
        assert _language(client) == "de"

        client.post(reverse("users:sign-in"), {"username": ada.email, "password": PASSWORD})

        assert _language(client, HOME) == "en"

    def test_is_what_the_browser_says_once_we_speak_the_chosen_one_no_more(self, client: Client) -> None:
        client.force_login(user_onboarded(language="fr"))
        assert _language(client, HOME) == "de"

    @pytest.mark.parametrize("path", ["/nowhere/", "/confirm/a/b/", reverse("users:sign-in")])
    def test_is_that_of_errors_too(self, client: Client, path: str) -> None:
        assert _language(client, path) == "de"

    def test_is_that_of_a_fault_of_ours_too(self, client: Client) -> None:
        client.raise_request_exception = False
        with letters_refused():
            response = client.post(reverse("users:sign-up"), {"email": "ada@example.com"}, headers=GERMAN)
        assert response.status_code == 500
        assert "Das ist schiefgegangen" in response.content.decode()

    def test_is_that_of_what_is_wrong_with_a_form(self, client: Client) -> None:
        page = client.post(reverse("users:sign-up"), {"email": "ada"}, headers=GERMAN).content.decode()
        assert "Geben Sie eine E-Mail-Adresse wie name@example.com ein." in page

    def test_is_english_for_staff_and_programs_whatever_they_chose(self, client: Client) -> None:
        client.force_login(user_onboarded(language="de", is_staff=True, is_superuser=True))
        for path in (reverse("admin:index"), reverse("admin:users_user_changelist"), "/api/jobs/nothing/"):
            response = client.get(path, headers=GERMAN)
            assert response.headers["Content-Language"] == "en"
            assert b"Abmelden" not in response.content

    def test_is_right_to_left_where_the_language_is(self, client: Client, settings: Settings) -> None:
        settings.LANGUAGES = [*settings.LANGUAGES, ("ar", "Arabic")]
        client.force_login(user_onboarded(language="ar"))

        page = html.document_fromstring(client.get(HOME).content)
        assert (page.get("lang"), page.get("dir")) == ("ar", "rtl")

    def test_costs_a_stranger_no_query(self, client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(0):
            client.get("/", headers=GERMAN)


class TestLanguageView:
    def test_is_kept_by_the_browser_and_leads_back(self) -> None:
        client = Client(enforce_csrf_checks=True)
        response = _choose(client, "de", page=f"{SITE}/sign-up/?x=1")

        assert (response.status_code, response.headers["Location"]) == (302, f"{SITE}/sign-up/?x=1")
        assert response.cookies["django_language"]["httponly"]
        assert client.get("/").headers["Content-Language"] == "de"

    def test_is_kept_for_the_person_who_is_signed_in(self, client: Client) -> None:
        ada = user_onboarded()
        client.force_login(ada)

        _choose(client, "de")

        ada.refresh_from_db()
        assert ada.language == "de"
        client.post(reverse("users:sign-out"))
        assert client.get("/").headers["Content-Language"] == "de"

    @pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "data:x", ""])
    def test_leads_nowhere_else(self, client: Client, elsewhere: str) -> None:
        response = _choose(client, "de", page=elsewhere)
        assert response.headers["Location"] == reverse("users:landing")

    def test_is_taken_from_where_a_proxy_says_that_we_are(self, client: Client, settings: Settings) -> None:
        settings.CSRF_TRUSTED_ORIGINS = ["https://app.example.com"]
        response = _choose(client, "de", page="https://app.example.com/jobs/", origin="https://app.example.com")
        assert response.headers["Location"] == "https://app.example.com/jobs/"

    def test_does_not_lead_back_to_where_there_is_no_page(self, client: Client) -> None:
        assert _choose(client, "de", page=SITE + CHOOSE).headers["Location"] == reverse("users:landing")

    @pytest.mark.parametrize(
        "origin", ["https://testserver", "https://evil.example", "http://testserver.evil.example", "null", ""]
    )
    def test_is_refused_from_a_page_that_is_not_ours(self, origin: str) -> None:
        client, ada = Client(enforce_csrf_checks=True), user_onboarded()
        client.force_login(ada)

        response = _choose(client, "de", origin=origin)

        ada.refresh_from_db()
        assert (response.status_code, ada.language, "django_language" in response.cookies) == (403, "", False)
        assert "Please try once more" in response.content.decode()

    @pytest.mark.parametrize("language", ["", "fr", "de\r\nSet-Cookie: x=1", "../de"])
    def test_changes_nothing_for_a_language_that_we_do_not_speak(self, client: Client, language: str) -> None:
        ada = user_onboarded(language="de")
        client.force_login(ada)

        response = _choose(client, language)

        ada.refresh_from_db()
        assert (response.status_code, dict(response.cookies), ada.language) == (302, {}, "de")

    def test_is_offered_on_each_page_in_its_own_words(self, client: Client) -> None:
        page = html.document_fromstring(client.get("/", headers=GERMAN).content)

        form = page.find_class("languages")[0]
        buttons = {button.get("value"): button for button in form.findall(".//button")}
        assert {code: button.text_content() for code, button in buttons.items()} == {"en": "English", "de": "Deutsch"}
        assert [code for code, button in buttons.items() if button.get("aria-current")] == ["de"]


class TestLanguageOfAPerson:
    def test_is_that_of_the_page_where_they_signed_up(self, client: Client) -> None:
        client.post(reverse("users:sign-up"), {"email": "ada@example.com"}, headers=GERMAN)
        assert User.objects.get().language == "de"

    def test_is_kept_when_somebody_asks_for_another_link_in_another_one(self) -> None:
        ada = user_confirmed(language="de")
        user_sign_up(email=ada.email, language="en")

        ada.refresh_from_db()
        assert ada.language == "de"
        assert "Sie haben schon ein Konto" in letters_to(ada.email)[0].subject

    def test_that_we_speak_no_more_keeps_nobody_from_changing_something_else(self) -> None:
        ada = user_onboarded(language="fr")
        user_update(user=ada, data={"full_name": "Ada King"})
        ada.refresh_from_db()
        assert (ada.full_name, ada.language) == ("Ada King", "fr")

    def test_can_be_chosen_and_given_up(self) -> None:
        ada = user_onboarded()
        assert user_update(user=ada, data={"language": "de"}).language == "de"
        assert user_update(user=ada, data={"language": ""}).language == ""


class TestLanguageOfAnEmail:
    def test_is_its_recipients_whatever_the_process_speaks(self) -> None:
        user_sign_up(email="ada@example.com", language="de")
        user_complete_onboarding(user=user_confirmed(full_name="Grace", language="de"))

        confirmation, welcome = Email.objects.order_by("pk")
        assert confirmation.subject == "Bestätigen Sie Ihre Adresse und wählen Sie ein Passwort"
        assert "1\N{NO-BREAK SPACE}Tag lang" in confirmation.plain_text
        assert welcome.subject == "Willkommen bei Fieldnote"
        assert {html.document_fromstring(email.html).get("lang") for email in (confirmation, welcome)} == {"de"}
        assert translation.get_language() == "en"

    def test_is_english_for_who_has_chosen_none(self) -> None:
        with translation.override("de"):
            user_complete_onboarding(user=user_confirmed(full_name="Grace"))
        assert Email.objects.get().subject == "Welcome to Fieldnote"
