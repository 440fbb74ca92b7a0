from datetime import timedelta

import pytest
from django.utils import timezone

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.users.models import User
from styleguide_example.users.services import user_confirm_email
from styleguide_example.users.tests.factories import PASSWORD, UserFactory, user_confirmed

pytestmark = pytest.mark.django_db


class TestUserConfirmEmail:
    def test_sets_the_password_and_notes_when_the_address_was_confirmed(self) -> None:
        user = user_confirm_email(user=UserFactory.create(), password=PASSWORD)

        saved = User.objects.get(pk=user.pk)
        assert saved.check_password(PASSWORD)
        assert saved.email_confirmed_at is not None
        assert timezone.now() - saved.email_confirmed_at < timedelta(seconds=5)

    def test_keeps_the_first_confirmation_when_a_new_password_is_chosen(self) -> None:
        earlier = timezone.now() - timedelta(days=30)
        user = user_confirmed(email_confirmed_at=earlier)

        user = user_confirm_email(user=user, password="another good password")

        assert user.email_confirmed_at == earlier
        assert user.check_password("another good password")

    def test_lets_one_of_two_requests_with_the_same_link_win(self) -> None:
        user = UserFactory.create()
        same, again = User.objects.get(pk=user.pk), User.objects.get(pk=user.pk)
        user_confirm_email(user=same, password=PASSWORD)

        with pytest.raises(ConflictError, match=f"User {user.pk}"):
            user_confirm_email(user=again, password="the password of somebody else")

        user.refresh_from_db()
        assert user.check_password(PASSWORD)

    def test_refuses_when_the_account_was_closed_meanwhile(self) -> None:
        user = UserFactory.create()
        User.objects.filter(pk=user.pk).update(is_active=False)

        with pytest.raises(ConflictError):
            user_confirm_email(user=user, password=PASSWORD)

        user.refresh_from_db()
        assert not user.is_email_confirmed
