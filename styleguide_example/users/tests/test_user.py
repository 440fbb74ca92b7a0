from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone

from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD, UserFactory, user_confirmed

pytestmark = pytest.mark.django_db


class TestUser:
    def test_cannot_be_stored_with_capitals_by_any_door(self) -> None:
        user = UserFactory.create()

        with pytest.raises(IntegrityError, match="user_email_is_lower_case"):
            User.objects.filter(pk=user.pk).update(email="Ada@example.com")

    def test_cannot_be_onboarded_without_a_confirmed_address(self) -> None:
        user = UserFactory.create()

        with pytest.raises(IntegrityError, match="user_onboarded_is_confirmed"):
            User.objects.filter(pk=user.pk).update(onboarding_completed_at=timezone.now())

    def test_signs_in_with_the_address_in_any_case(self) -> None:
        user = user_confirmed(email="ada@example.com")

        assert authenticate(username="ADA@example.com", password=PASSWORD) == user

    def test_cannot_be_made_an_administrator_with_an_address_that_email_does_not_reach(self) -> None:
        with pytest.raises(CommandError, match="somebody else"):
            call_command("createsuperuser", "--noinput", "--email", "root@faß.de", stdout=StringIO())

        assert not User.objects.exists()

    def test_is_greeted_by_name_or_else_by_address(self) -> None:
        assert UserFactory.build(full_name="Ada").get_short_name() == "Ada"
        assert UserFactory.build(full_name="Ada").get_full_name() == "Ada"
        assert UserFactory.build(email="ada@example.com").get_short_name() == "ada@example.com"

    def test_is_made_an_administrator_by_djangos_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)

        call_command("createsuperuser", "--noinput", "--email", "Root@Bücher.example", stdout=StringIO())

        user = User.objects.get(email="root@xn--bcher-kva.example")
        assert user.is_staff
        assert user.is_superuser
        assert user.is_email_confirmed
        assert user.check_password(PASSWORD)
