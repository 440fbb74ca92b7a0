from typing import Any

import pytest
from django.core.exceptions import ValidationError

from styleguide_example.users.models import User
from styleguide_example.users.services import user_update
from styleguide_example.users.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


class TestUserUpdate:
    def test_saves_name_and_time_zone(self) -> None:
        user = user_update(user=UserFactory.create(), data={"full_name": "Ada", "time_zone": "Europe/London"})

        saved = User.objects.get(pk=user.pk)
        assert (saved.full_name, saved.time_zone) == ("Ada", "Europe/London")

    def test_ignores_what_is_not_for_the_person_to_say(self) -> None:
        user = user_update(
            user=UserFactory.create(), data={"full_name": "Ada", "is_superuser": True, "email": "x@example.com"}
        )

        saved = User.objects.get(pk=user.pk)
        assert not saved.is_superuser
        assert saved.email != "x@example.com"

    @pytest.mark.parametrize("data", [{"time_zone": "Mars/Olympus"}, {"full_name": "Ada\r\nBcc: eve@example.com"}])
    def test_refuses_a_value_that_is_not_valid(self, data: dict[str, Any]) -> None:
        user = UserFactory.create()

        with pytest.raises(ValidationError):
            user_update(user=user, data=data)

        saved = User.objects.get(pk=user.pk)
        assert (saved.full_name, saved.time_zone) == ("", "UTC")
