"""What holds for every page: it can be read aloud, used with a keyboard, and carries no inline style or script."""

from collections.abc import Callable

import pytest
from django.template.loader import render_to_string
from django.test import Client, override_settings
from django.urls import reverse
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
from pytest_django import Settings

from styleguide_example.users.services import user_sign_up
from styleguide_example.users.tests.factories import UserFactory, user_confirmed, user_onboarded
from styleguide_example.users.tests.letters import letters_to, link_in

pytestmark = pytest.mark.django_db


def _confirm(client: Client) -> str:
    user_sign_up(email="ada@example.com")
    return client.get(link_in(letters_to("ada@example.com")[0])).content.decode()


def _step_1(client: Client) -> str:
    client.force_login(user_confirmed())
    return client.get(reverse("users:onboarding")).content.decode()


def _step_2(client: Client) -> str:
    client.force_login(user_confirmed(full_name="Ada"))
    return client.get(reverse("users:onboarding")).content.decode()


def _home(client: Client) -> str:
    client.force_login(user_onboarded())
    return client.get(reverse("users:home")).content.decode()


def _unconfirmed(client: Client) -> str:
    client.force_login(UserFactory.create())
    return client.get(reverse("users:onboarding")).content.decode()


def _forbidden(client: Client) -> str:
    client.force_login(user_onboarded())
    return client.get(reverse("admin:login")).content.decode()


@override_settings(RATE_LIMIT_SIGN_UPS_PER_CLIENT=0)
def _too_many(client: Client) -> str:
    return client.post(reverse("users:sign-up"), {"email": "ada@example.com"}).content.decode()


PAGES: dict[str, Callable[[Client], str]] = {
    "landing": lambda client: client.get(reverse("users:landing")).content.decode(),
    "sign-up": lambda client: client.get(reverse("users:sign-up")).content.decode(),
    "sign-up with errors": lambda client: client.post(reverse("users:sign-up"), {"email": "ada"}).content.decode(),
    "sent": lambda client: client.get(reverse("users:sign-up-sent")).content.decode(),
    "confirm": _confirm,
    "link gone": lambda client: client.get("/confirm/a/b/").content.decode(),
    "sign-in": lambda client: client.get(reverse("users:sign-in")).content.decode(),
    "sign-in with errors": lambda client: client.post(reverse("users:sign-in"), {"username": "ada"}).content.decode(),
    "onboarding, step 1": _step_1,
    "onboarding, step 2": _step_2,
    "home": _home,
    "unconfirmed": _unconfirmed,
    "too many": _too_many,
    "not found": lambda client: client.get("/nowhere/").content.decode(),
    "forbidden": _forbidden,
    "csrf": lambda _: Client(enforce_csrf_checks=True).post(reverse("users:sign-up")).content.decode(),
    "error": lambda _: render_to_string("500.html"),
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, client: Client) -> html.HtmlElement:
    """Each page in turn, parsed."""
    return html.document_fromstring(PAGES[request.param](client))


class TestEveryPage:
    def test_has_a_language_a_title_and_one_heading(self, page: html.HtmlElement) -> None:
        assert page.get("lang") == "en"
        assert page.findtext(".//title", "").rpartition("Fieldnote")[0].strip(" \N{EN DASH}")
        assert len(page.findall(".//h1")) == 1
        assert len(page.findall(".//main")) == 1
        assert page.xpath("//meta[@name='viewport']")

    def test_labels_every_field(self, page: html.HtmlElement) -> None:
        fields = page.xpath("//input[not(@type='hidden')] | //select | //textarea")

        assert all(page.xpath(f"//label[@for='{field.get('id')}']") for field in fields)
        assert all(field.get("autocomplete") for field in fields if field.tag == "input")

    def test_describes_fields_by_elements_that_exist_once(self, page: html.HtmlElement) -> None:
        ids = page.xpath("//@id")
        described = [name for value in page.xpath("//@aria-describedby | //@aria-labelledby") for name in value.split()]
        linked = [value[1:] for value in page.xpath("//a/@href") if value.startswith("#")]

        assert len(ids) == len(set(ids))
        assert set(described + linked) <= set(ids)

    def test_has_no_inline_style_or_script_and_loads_nothing_from_elsewhere(self, page: html.HtmlElement) -> None:
        assert not page.xpath("//style | //script | //@style")
        assert not [name for name in page.xpath("//@*/..") if any(key.startswith("on") for key in name.attrib)]
        assert all(value.startswith("/static/") for value in page.xpath("//link/@href | //img/@src"))

    def test_gives_every_picture_a_text_or_none_on_purpose(self, page: html.HtmlElement) -> None:
        assert all(picture.get("alt") is not None for picture in page.findall(".//img"))


class TestErrorSummary:
    def test_leads_to_the_field_and_the_field_to_its_error(self, client: Client) -> None:
        page = html.document_fromstring(PAGES["sign-up with errors"](client))

        field = page.get_element_by_id("id_email")
        assert page.xpath("//*[@role='alert']//a/@href") == ["#id_email"]
        assert field.get("aria-invalid") == "true"
        assert "id_email_error" in field.get("aria-describedby", "").split()
        assert page.findtext(".//title", "").startswith("Error: ")


class TestLandingView:
    def test_shows_the_way_in(self, client: Client) -> None:
        page = client.get("/").content.decode()

        assert reverse("users:sign-up") in page
        assert reverse("users:sign-in") in page

    def test_shows_mailbox_and_admin_in_development(self, client: Client) -> None:
        page = client.get("/").content.decode()

        assert reverse("embedded:mailbox") in page
        assert reverse("admin:index") in page

    def test_shows_neither_where_the_development_app_is_not_installed(self, client: Client, settings: Settings) -> None:
        settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if not app.endswith("embedded")]

        for path in ("/", reverse("users:sign-up-sent")):
            page = client.get(path).content.decode()
            assert "/mailbox/" not in page
            assert "/admin/" not in page

    def test_shows_the_way_home_to_somebody_who_is_signed_in(self, client: Client) -> None:
        client.force_login(user_onboarded())

        page = client.get("/").content.decode()

        assert reverse("users:home") in page
        assert reverse("users:sign-in") not in page
