from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.users.tests.factories import PASSWORD, UserFactory, user_confirmed, user_onboarded, user_staff
from styleguide_example.users.tests.windows import window_begun

pytestmark = pytest.mark.django_db

SIGN_IN = reverse("users:sign-in")
ADDRESS = "ada@example.com"
RIGHT = {"username": ADDRESS, "password": PASSWORD}
WRONG = {"username": ADDRESS, "password": "not this one"}


class TestSignInView:
    def test_signs_in_with_the_address_in_any_case(self, client: Client) -> None:
        user = user_confirmed(email=ADDRESS)

        response = client.post(SIGN_IN, {**RIGHT, "username": " ADA@Example.com"})

        assert response.headers["Location"] == reverse("users:onboarding")
        assert client.session["_auth_user_id"] == str(user.pk)

    @pytest.mark.parametrize("spelling", ["ada@bücher.example", "ada@xn--bcher-kva.example", "ADA@BÜCHER.example"])
    def test_signs_in_with_the_domain_in_either_spelling(self, client: Client, spelling: str) -> None:
        user_confirmed(email="ada@xn--bcher-kva.example")

        response = client.post(SIGN_IN, {**RIGHT, "username": spelling})

        assert response.headers["Location"] == reverse("users:onboarding")

    @pytest.mark.parametrize(
        "address", ['""@example.com', "a@אa.com", f"a@{'ü' * 63}.com", "ada@ex\u00adample.com", "@", ""]
    )
    def test_answers_what_cannot_be_an_address_like_an_unknown_one(self, client: Client, address: str) -> None:
        user_confirmed(email=ADDRESS)

        assert client.post(SIGN_IN, {**RIGHT, "username": address}).status_code == 200
        assert "_auth_user_id" not in client.session

    def test_begins_a_new_session(self, client: Client) -> None:
        user_confirmed(email=ADDRESS)
        session = client.session
        session["planted"] = "by a stranger"
        session.save()

        client.post(SIGN_IN, RIGHT)

        assert client.session.session_key != session.session_key

    def test_does_not_tell_a_wrong_password_from_an_unknown_or_closed_account(self, client: Client) -> None:
        user_confirmed(email=ADDRESS)
        user_confirmed(email="closed@example.com", is_active=False)
        UserFactory.create(email="unconfirmed@example.com")
        people = [ADDRESS, "nobody@example.com", "closed@example.com", "unconfirmed@example.com"]

        answers = {self._answer(address) for address in people}

        assert len(answers) == 1
        assert "do not go together" in answers.pop()

    @staticmethod
    def _answer(address: str) -> str:
        page = Client().post(SIGN_IN, {"username": address, "password": "not this one"}).content.decode()
        before, _, rest = page.partition('name="csrfmiddlewaretoken" value="')
        return (before + rest.partition('"')[2]).replace(address, "")

    @pytest.mark.parametrize("destination", ["/home/?from=mail", "/admin/"])
    def test_goes_on_to_a_page_of_ours(self, client: Client, destination: str) -> None:
        user_confirmed(email=ADDRESS)

        assert client.post(SIGN_IN, {**RIGHT, "next": destination}).headers["Location"] == destination

    @pytest.mark.parametrize(
        "destination",
        ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:///evil.example"],
    )
    @pytest.mark.parametrize("signed_in", ["before", "now"])
    def test_never_leads_to_another_site(self, client: Client, destination: str, signed_in: str) -> None:
        user = user_confirmed(email=ADDRESS)
        if signed_in == "before":
            client.force_login(user)
            response = client.get(SIGN_IN, {"next": destination})
        else:
            response = client.post(SIGN_IN, {**RIGHT, "next": destination})

        assert response.headers["Location"] == reverse("users:onboarding")

    @pytest.mark.parametrize(
        "destination",
        [
            SIGN_IN,
            f"{SIGN_IN}?from=mail",
            f"{SIGN_IN}?next={SIGN_IN}",
            f"{SIGN_IN}#top",
            f"http://testserver{SIGN_IN}",
            f"//testserver{SIGN_IN}?next=/home/",
        ],
    )
    @pytest.mark.parametrize("signed_in", ["before", "now"])
    def test_never_leads_back_to_itself(self, client: Client, destination: str, signed_in: str) -> None:
        user = user_confirmed(email=ADDRESS)
        if signed_in == "before":
            client.force_login(user)
            response = client.get(SIGN_IN, {"next": destination})
        else:
            response = client.post(SIGN_IN, {**RIGHT, "next": destination})

        assert response.headers["Location"] == reverse("users:onboarding")

    def test_sends_somebody_who_is_signed_in_on(self, client: Client) -> None:
        client.force_login(user_onboarded())

        response = client.get(SIGN_IN, follow=True)

        assert response.redirect_chain[-1][0] == reverse("users:home")

    def test_refuses_a_form_that_another_site_sent(self) -> None:
        user_confirmed(email=ADDRESS)

        assert Client(enforce_csrf_checks=True).post(SIGN_IN, RIGHT).status_code == 403


class TestSignInViewOverTheLimit:
    @pytest.fixture(autouse=True)
    def no_window_ends(self) -> Iterator[None]:
        """While the test counts."""
        with window_begun():
            yield

    def test_stops_guessing_at_one_account_even_with_the_right_password(
        self, client: Client, settings: Settings
    ) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 2
        user_confirmed(email=ADDRESS)

        answers = [
            client.post(SIGN_IN, WRONG).status_code,
            client.post(SIGN_IN, {**WRONG, "username": "ADA@EXAMPLE.COM "}).status_code,
            client.post(SIGN_IN, RIGHT).status_code,
        ]

        assert answers == [200, 200, 429]
        assert "_auth_user_id" not in client.session

    def test_lets_the_owner_in_from_elsewhere_while_strangers_guess(self, client: Client) -> None:
        user_confirmed(email=ADDRESS)
        for number in range(6):
            client.post(SIGN_IN, WRONG, REMOTE_ADDR=f"192.0.2.{number}")

        assert client.post(SIGN_IN, RIGHT, REMOTE_ADDR="198.51.100.1").status_code == 302

    def test_stops_guessing_at_one_account_from_everywhere(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS_ANYWHERE = 2
        user_confirmed(email=ADDRESS)

        answers = [
            client.post(SIGN_IN, credentials, REMOTE_ADDR=f"192.0.2.{n}").status_code
            for n, credentials in enumerate([WRONG, WRONG, RIGHT])
        ]

        assert answers == [200, 200, 429]

    def test_does_not_let_one_client_use_up_the_attempts_of_all(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 1
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS_ANYWHERE = 2
        user_confirmed(email=ADDRESS)
        for _ in range(5):
            client.post(SIGN_IN, WRONG, REMOTE_ADDR="192.0.2.1")

        assert client.post(SIGN_IN, RIGHT, REMOTE_ADDR="198.51.100.1").status_code == 302

    def test_counts_the_addresses_of_one_network_as_one_client(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 1
        user_confirmed(email=ADDRESS)

        answers = [
            client.post(SIGN_IN, WRONG, REMOTE_ADDR="2001:db8::1").status_code,
            client.post(SIGN_IN, RIGHT, REMOTE_ADDR="2001:db8::2").status_code,
        ]

        assert answers == [200, 429]

    def test_counts_a_domain_in_both_its_spellings(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 1

        answers = [
            client.post(SIGN_IN, {**WRONG, "username": username}).status_code
            for username in ("ada@bücher.example", "ada@xn--bcher-kva.example")
        ]

        assert answers == [200, 429]

    def test_stops_one_client_that_tries_many_accounts(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_CLIENT = 2

        answers = [client.post(SIGN_IN, {**WRONG, "username": f"person-{n}@example.com"}).status_code for n in range(3)]

        assert answers == [200, 200, 429]

    def test_counts_unknown_addresses_like_known_ones(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 1
        user_confirmed(email=ADDRESS)

        pages = []
        for address in (ADDRESS, "nobody@example.com"):
            client.post(SIGN_IN, {**WRONG, "username": address})
            pages.append(client.post(SIGN_IN, {**WRONG, "username": address}))

        assert [page.status_code for page in pages] == [429, 429]
        assert pages[0].content == pages[1].content

    def test_lets_people_in_again_when_it_said(self, client: Client, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 1
        user_confirmed(email=ADDRESS)
        client.post(SIGN_IN, WRONG)
        refused = client.post(SIGN_IN, RIGHT)

        with time_machine.travel(timezone.now() + timedelta(seconds=int(refused.headers["Retry-After"]))):
            assert client.post(SIGN_IN, RIGHT).status_code == 302


class TestAdminSignInView:
    def test_sends_staff_to_the_page_that_counts_attempts(self, client: Client) -> None:
        user_staff(email=ADDRESS)

        page = client.get("/admin/users/user/", follow=True)
        assert page.redirect_chain[-1][0] == f"{SIGN_IN}?next=/admin/users/user/"

        signed_in = client.post(SIGN_IN, {**RIGHT, "next": "/admin/"}, follow=True)
        assert signed_in.redirect_chain == [("/admin/", 302)]
        assert signed_in.status_code == 200

    def test_stands_before_the_admins_own_page(self, client: Client) -> None:
        response = client.get(reverse("admin:login"))

        assert response.headers["Location"] == f"{SIGN_IN}?next=/admin/"
        assert client.post(reverse("admin:login"), RIGHT).status_code == 405

    def test_tells_somebody_who_is_not_staff_that_signing_in_does_not_help(self, client: Client) -> None:
        client.force_login(user_onboarded())

        response = client.get("/admin/", follow=True)

        assert response.status_code == 403
        assert "Not with this account" in response.content.decode()


class TestSignOut:
    def test_ends_the_session(self, client: Client) -> None:
        client.force_login(user_onboarded())

        response = client.post(reverse("users:sign-out"))

        assert response.headers["Location"] == reverse("users:landing")
        assert "_auth_user_id" not in client.session

    def test_cannot_be_caused_by_a_link(self, client: Client) -> None:
        client.force_login(user_onboarded())

        assert client.get(reverse("users:sign-out")).status_code == 405
        assert "_auth_user_id" in client.session

    def test_cannot_be_caused_by_another_site(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(user_onboarded())

        assert client.post(reverse("users:sign-out")).status_code == 403
        assert "_auth_user_id" in client.session
