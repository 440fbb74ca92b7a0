from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import update_last_login
from django.contrib.auth.tokens import default_token_generator
from django.urls import resolve
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from pytest_django import Settings

from styleguide_example.users.models import User
from styleguide_example.users.services import user_confirm_email
from styleguide_example.users.tests.factories import PASSWORD, UserFactory, user_confirmed
from styleguide_example.users.tokens import confirmation_url, user_from_link

pytestmark = pytest.mark.django_db


def _parts(user: User) -> dict[str, str]:
    """What the link of this person carries."""
    path = "/" + confirmation_url(user=user).split("/", 3)[3]
    return dict(resolve(path).kwargs)


def _encoded(text: str) -> str:
    return urlsafe_base64_encode(force_bytes(text))


class TestUserFromLink:
    def test_returns_the_person(self) -> None:
        user = UserFactory.create()

        assert user_from_link(**_parts(user)) == user

    def test_works_until_the_moment_it_was_said_to_end(self, settings: Settings) -> None:
        user = UserFactory.create()
        made_at = timezone.now()
        with time_machine.travel(made_at, tick=False):
            parts = _parts(user)
        ends_at = made_at + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)

        with time_machine.travel(ends_at - timedelta(seconds=1), tick=False):
            assert user_from_link(**parts) == user
        with time_machine.travel(ends_at + timedelta(seconds=2), tick=False):
            assert user_from_link(**parts) is None

    def test_works_once(self) -> None:
        user = UserFactory.create()
        parts = _parts(user)
        user_confirm_email(user=user, password=PASSWORD)

        assert user_from_link(**parts) is None

    def test_ends_when_somebody_signs_in(self) -> None:
        user = user_confirmed()
        parts = _parts(user)
        update_last_login(User, user)

        assert user_from_link(**parts) is None

    def test_ends_when_the_address_is_confirmed_in_another_way(self) -> None:
        user = UserFactory.create()
        parts = _parts(user)
        User.objects.filter(pk=user.pk).update(email_confirmed_at=timezone.now())

        assert user_from_link(**parts) is None

    def test_does_not_open_the_account_of_somebody_else(self) -> None:
        parts = _parts(UserFactory.create())
        other = UserFactory.create()

        assert user_from_link(uidb64=_encoded(str(other.pk)), token=parts["token"]) is None

    def test_does_not_open_a_closed_account(self) -> None:
        assert user_from_link(**_parts(UserFactory.create(is_active=False))) is None

    def test_does_not_take_a_token_that_was_made_for_something_else(self) -> None:
        user = UserFactory.create()

        token = default_token_generator.make_token(user)

        assert user_from_link(uidb64=_parts(user)["uidb64"], token=token) is None

    def test_does_not_take_a_token_of_another_secret_key(self, settings: Settings) -> None:
        user = UserFactory.create()
        parts = _parts(user)
        settings.SECRET_KEY = "another one"

        assert user_from_link(**parts) is None

    @pytest.mark.parametrize(
        "person", ["", "*", "MQ", "4pyT", _encoded("9" * 30), _encoded("9" * 5000), _encoded("-1"), _encoded("1.5")]
    )
    @pytest.mark.parametrize("token", ["", "x", "-", "a-b", "\x00-\x00", "zzzzzzzzzzzzzzzzzz-0"])
    def test_returns_nobody_for_nonsense(self, person: str, token: str) -> None:
        assert user_from_link(uidb64=person, token=token) is None
