from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.users.models import User
from styleguide_example.users.services import user_sign_up
from styleguide_example.users.tests.factories import PASSWORD, UserFactory, user_confirmed, user_onboarded
from styleguide_example.users.tests.letters import letters_to, link_in

pytestmark = pytest.mark.django_db

ADDRESS = "ada@example.com"
CHOICE = {"new_password1": PASSWORD, "new_password2": PASSWORD}


def _link() -> str:
    """The path in the newest e-mail, after somebody typed the address on the sign-up page."""
    user_sign_up(email=ADDRESS)
    return link_in(letters_to(ADDRESS)[-1])


class TestConfirmView:
    def test_changes_nothing_when_it_is_only_read(self, client: Client) -> None:
        link = _link()

        for _ in range(2):  # a mail scanner, and then the person
            assert client.get(link).status_code == 200
            assert client.head(link).status_code == 200

        assert not User.objects.get(email=ADDRESS).is_email_confirmed
        assert "_auth_user_id" not in client.session

    def test_confirms_the_address_signs_in_and_goes_on(self, client: Client) -> None:
        response = client.post(_link(), CHOICE)

        user = User.objects.get(email=ADDRESS)
        assert response.headers["Location"] == reverse("users:onboarding")
        assert user.is_email_confirmed
        assert user.check_password(PASSWORD)
        assert client.session["_auth_user_id"] == str(user.pk)

    def test_begins_a_new_session(self, client: Client) -> None:
        session = client.session
        session["planted"] = "by a stranger"
        session.save()
        planted = session.session_key

        client.post(_link(), CHOICE)

        assert client.session.session_key != planted

    def test_leaves_the_session_of_somebody_else_behind(self, client: Client) -> None:
        client.force_login(user_onboarded())
        session = client.session
        session["secret"] = "of the other"
        session.save()

        client.post(_link(), CHOICE)

        assert client.session["_auth_user_id"] == str(User.objects.get(email=ADDRESS).pk)
        assert "secret" not in client.session

    def test_works_once(self, client: Client) -> None:
        link = _link()
        client.post(link, CHOICE)

        again = Client().post(link, {"new_password1": "of somebody else", "new_password2": "of somebody else"})

        assert again.status_code == 410
        assert User.objects.get(email=ADDRESS).check_password(PASSWORD)

    def test_lets_one_of_two_forms_that_are_sent_at_once_win(self, client: Client) -> None:
        link = _link()

        with connection.execute_wrapper(_SavesFirst()):
            response = client.post(link, CHOICE)

        assert response.status_code == 410
        assert "_auth_user_id" not in client.session
        assert User.objects.get(email=ADDRESS).check_password("of the one who was first")

    def test_works_until_it_expires(self, client: Client, settings: Settings) -> None:
        link = _link()

        with time_machine.travel(timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT + 2)):
            assert client.get(link).status_code == 410
            assert client.post(link, CHOICE).status_code == 410

        assert not User.objects.get(email=ADDRESS).is_email_confirmed

    def test_answers_used_expired_and_forged_links_in_the_same_way(self, client: Client, settings: Settings) -> None:
        used = _link()
        client.post(used, CHOICE)
        client.post(reverse("users:sign-out"))
        user_sign_up(email="grace@example.com")
        expiring = link_in(letters_to("grace@example.com")[0])
        person, _, token = expiring.removeprefix("/confirm/").partition("/")
        # No hash has a "g" in it.
        forged = [f"/confirm/{person}/{token[:-2]}g/", f"/confirm/OTk5OTk/{token}", "/confirm/nobody/nothing/"]

        answers = {client.get(link).content for link in [used, *forged]}
        with time_machine.travel(timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT + 2)):
            response = client.get(expiring)

        assert answers == {response.content}
        assert response.status_code == 410
        assert reverse("users:sign-up") in response.content.decode()

    def test_is_worth_nothing_to_whoever_signed_somebody_else_up(self, client: Client) -> None:
        stranger, owner = Client(), client
        stranger.post(reverse("users:sign-up"), {"email": ADDRESS, "password": "known to the stranger"})

        owner.post(link_in(letters_to(ADDRESS)[0]), CHOICE)

        assert stranger.get(reverse("users:home")).status_code == 302
        signed_in = stranger.post(reverse("users:sign-in"), {"username": ADDRESS, "password": "known to the stranger"})
        assert signed_in.status_code == 200
        assert "_auth_user_id" not in stranger.session

    def test_replaces_the_password_of_a_confirmed_person_and_ends_other_sessions(self, client: Client) -> None:
        user = user_onboarded(email=ADDRESS)
        elsewhere = Client()
        elsewhere.force_login(user)
        new = "a new password to remember"

        response = client.post(_link(), {"new_password1": new, "new_password2": new}, follow=True)

        assert response.redirect_chain[-1][0] == reverse("users:home")
        assert User.objects.get(pk=user.pk).check_password(new)
        assert elsewhere.get(reverse("users:home")).status_code == 302

    def test_does_not_open_an_account_that_was_closed(self, client: Client) -> None:
        link = _link()
        User.objects.update(is_active=False)

        assert client.post(link, CHOICE).status_code == 410
        assert "_auth_user_id" not in client.session

    @pytest.mark.parametrize(
        ("first", "second", "complaint"),
        [
            (PASSWORD, "another one entirely", "The two passwords are not the same"),
            ("short", "short", "too short"),
            ("ada@example.com", "ada@example.com", "too similar"),
            ("8529637410", "8529637410", "entirely numeric"),
            ("", "", "Enter a password."),
        ],
    )
    def test_explains_what_is_wrong_with_a_password(
        self, client: Client, first: str, second: str, complaint: str
    ) -> None:
        link = _link()

        response = client.post(link, {"new_password1": first, "new_password2": second})

        assert complaint in response.content.decode()
        assert not User.objects.get(email=ADDRESS).is_email_confirmed
        assert client.get(link).status_code == 200

    def test_does_not_send_a_password_back(self, client: Client) -> None:
        response = client.post(_link(), {"new_password1": "sh0rt-secret", "new_password2": "different"})

        assert "sh0rt-secret" not in response.content.decode()

    def test_is_neither_stored_nor_told_to_other_sites(self, client: Client) -> None:
        for response in (client.get(_link()), client.get("/confirm/nobody/nothing/")):
            assert "no-store" in response.headers["Cache-Control"]
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert response.headers["X-Frame-Options"] == "DENY"

    def test_refuses_a_form_that_another_site_sent(self) -> None:
        link = _link()

        assert Client(enforce_csrf_checks=True).post(link, CHOICE).status_code == 403
        assert not User.objects.get(email=ADDRESS).is_email_confirmed

    def test_tells_a_confirmed_person_that_the_old_password_ends(self, client: Client) -> None:
        user_confirmed(email=ADDRESS)
        assert "replaces the one you had" in client.get(_link()).content.decode()

        UserFactory.create(email="grace@example.com")
        user_sign_up(email="grace@example.com")
        assert (
            "confirmed and you are signed in"
            in client.get(link_in(letters_to("grace@example.com")[0])).content.decode()
        )


class _SavesFirst:
    """Stands at the edge of the database: just before the password is saved, another request saves one."""

    def __init__(self) -> None:
        self.done = False

    def __call__(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE") and "users_user" in sql and not self.done:
            self.done = True
            User.objects.update(password=make_password("of the one who was first"))
        return execute(sql, *arguments)
