from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from styleguide_example.emails.models import Email
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import UserFactory, user_confirmed, user_onboarded
from styleguide_example.users.tests.letters import letters_to, link_in
from styleguide_example.users.tests.windows import window_begun

pytestmark = pytest.mark.django_db

SIGN_UP = reverse("users:sign-up")
SENT = reverse("users:sign-up-sent")
ADDRESS = "ada@example.com"


def _nobody(**_: str) -> None:
    """An address that is not known."""


def _closed(email: str) -> User:
    return user_confirmed(email=email, is_active=False)


class TestSignUpView:
    def test_writes_to_the_address_and_says_so(
        self, client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            response = client.post(SIGN_UP, {"email": " Ada@Example.com "})

        assert response.status_code == 302
        assert response.headers["Location"] == SENT
        (email,) = letters_to(ADDRESS)
        assert email.status == Email.Status.SENDING

    def test_asks_for_no_password(self, client: Client) -> None:
        client.post(SIGN_UP, {"email": ADDRESS, "password": "chosen by a stranger", "is_staff": "on"})

        user = User.objects.get(email=ADDRESS)
        assert not user.has_usable_password()
        assert not user.is_staff

    def test_does_not_sign_anybody_in(self, client: Client) -> None:
        client.post(SIGN_UP, {"email": ADDRESS})

        assert "_auth_user_id" not in client.session

    @pytest.mark.parametrize("somebody", [UserFactory.create, user_confirmed, user_onboarded, _closed])
    def test_answers_a_known_address_byte_for_byte_like_an_unknown_one(self, somebody: Callable[..., User]) -> None:
        unknown = self._answer("nobody@example.com")
        somebody(email=ADDRESS)

        assert self._answer(ADDRESS) == unknown

    def test_answers_a_known_address_over_the_limit_like_an_unknown_one(self, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_UPS_PER_ADDRESS = 0
        unknown = self._answer("nobody@example.com")
        user_confirmed(email=ADDRESS)

        assert self._answer(ADDRESS) == unknown
        assert unknown[0] == 429

    @staticmethod
    def _answer(address: str) -> tuple[int, dict[str, str], bytes, bytes]:
        """All that a stranger's browser gets to see, without what is different in every response."""
        client = Client()
        response = client.post(SIGN_UP, {"email": address})
        headers = {name: value for name, value in response.headers.items() if name.lower() != "x-request-id"}
        assert not response.cookies
        return response.status_code, headers, response.content, client.get(SENT).content

    @pytest.mark.parametrize(
        "address", ["", "ada", "ada@example", "a@b.c\r\nBcc: eve@example.com", f"{'a' * 250}@b.org"]
    )
    def test_explains_what_is_wrong_with_an_address(self, client: Client, address: str) -> None:
        response = client.post(SIGN_UP, {"email": address})

        assert response.status_code == 200
        assert "Please look at this again" in response.content.decode()
        assert not Email.objects.exists()
        assert not User.objects.exists()

    @pytest.mark.parametrize("address", ["ada@MÜNCHEN.example", "ada@xn--mnchen-3ya.example"])
    def test_takes_an_address_in_a_domain_beyond_ascii(self, client: Client, address: str) -> None:
        response = client.post(SIGN_UP, {"email": address})

        assert response.headers["Location"] == SENT
        assert User.objects.get().email == "ada@xn--mnchen-3ya.example"
        assert len(letters_to("ada@xn--mnchen-3ya.example")) == 1

    @pytest.mark.parametrize("domain", ["ex\u00adample.com", "ex\u200dample.com", "ex\u2060ample.com", "faß.de"])
    def test_refuses_a_domain_whose_mail_would_go_to_another_one(self, client: Client, domain: str) -> None:
        response = client.post(SIGN_UP, {"email": f"ada@{domain}"})

        assert response.status_code == 200
        assert "might reach somebody else" in response.content.decode()
        assert not Email.objects.exists()
        assert not User.objects.exists()

    @pytest.mark.parametrize(
        "address",
        ['""@example.com', '"ada"@example.com', '"\x01"@example.com', "a@אa.com", f"a@{'ü' * 63}.com", "ä@example.com"],
    )
    def test_refuses_what_email_could_not_be_sent_to(self, client: Client, address: str) -> None:
        response = client.post(SIGN_UP, {"email": address})

        page = html.document_fromstring(response.content.decode())
        assert response.status_code == 200
        assert len(page.xpath("//*[@role='alert']//li")) == 1
        assert not User.objects.exists()

    def test_lets_no_browser_send_another_domain_than_the_one_typed(self, client: Client) -> None:
        field = html.document_fromstring(client.get(SIGN_UP).content.decode()).get_element_by_id("id_email")

        assert (field.get("type"), field.get("inputmode"), field.get("autocomplete")) == ("text", "email", "email")

    def test_refuses_a_form_that_another_site_sent(self) -> None:
        response = Client(enforce_csrf_checks=True).post(SIGN_UP, {"email": ADDRESS})

        assert response.status_code == 403
        assert not Email.objects.exists()


class TestSignUpViewOverTheLimit:
    @pytest.fixture(autouse=True)
    def no_window_ends(self) -> Iterator[None]:
        """While the test counts."""
        with window_begun():
            yield

    def test_counts_an_address_in_all_its_spellings(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_UPS_PER_ADDRESS = 2

        answers = [
            client.post(SIGN_UP, {"email": email}).status_code
            for email in (ADDRESS, "ADA@example.com", " Ada@Example.com")
        ]

        assert answers == [302, 302, 429]
        assert len(letters_to(ADDRESS)) == 2

    def test_counts_a_domain_in_both_its_spellings(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_UPS_PER_ADDRESS = 1

        answers = [
            client.post(SIGN_UP, {"email": email}).status_code
            for email in ("ada@münchen.example", "ada@xn--mnchen-3ya.example")
        ]

        assert answers == [302, 429]

    def test_protects_a_mailbox_from_many_clients_and_says_where_the_link_is(
        self, client: Client, settings: Settings
    ) -> None:
        settings.RATE_LIMIT_SIGN_UPS_PER_ADDRESS = 3

        answers = [client.post(SIGN_UP, {"email": ADDRESS}, REMOTE_ADDR=f"192.0.2.{n}") for n in range(4)]

        assert [answer.status_code for answer in answers] == [302, 302, 302, 429]
        assert "may be in your mailbox already" in answers[-1].content.decode()

    def test_lets_another_address_pass(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_UPS_PER_ADDRESS = 1
        client.post(SIGN_UP, {"email": ADDRESS})

        assert client.post(SIGN_UP, {"email": "grace@example.com"}).status_code == 302

    def test_counts_a_client_whatever_it_sends(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_UPS_PER_CLIENT = 2

        answers = [
            client.post(SIGN_UP, {"email": email}).status_code for email in ("a@example.com", "nonsense", ADDRESS)
        ]

        assert answers == [302, 200, 429]
        assert letters_to(ADDRESS) == []

    def test_says_when_to_try_again_and_keeps_the_promise(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_UPS_PER_ADDRESS = 1
        settings.RATE_LIMIT_WINDOW_SECONDS = 600
        client.post(SIGN_UP, {"email": ADDRESS})

        refused = client.post(SIGN_UP, {"email": ADDRESS})

        assert refused.headers["Retry-After"] == "600"
        assert "Please wait 10\xa0minutes" in refused.content.decode()
        with time_machine.travel(timezone.now() + timedelta(seconds=600)):
            assert client.post(SIGN_UP, {"email": ADDRESS}).status_code == 302


class TestSignUpSentView:
    def test_shows_the_way_to_the_mailbox_in_development(self, client: Client) -> None:
        assert reverse("embedded:mailbox") in client.get(SENT).content.decode()

    def test_leads_to_a_link_that_works(self, client: Client) -> None:
        client.post(SIGN_UP, {"email": ADDRESS})

        assert client.get(link_in(letters_to(ADDRESS)[0])).status_code == 200
