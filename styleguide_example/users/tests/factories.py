"""People for tests, by how far they have come."""

from typing import Any

import factory
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from styleguide_example.users.models import User

PASSWORD = "correct horse battery staple"


class UserFactory(factory.django.DjangoModelFactory[User]):
    """Somebody whose address was typed on the sign-up page, and no more."""

    class Meta:
        model = User

    email = factory.Sequence(lambda number: f"person-{number}@example.com")  # type: ignore[attr-defined, no-untyped-call]
    password = make_password(None)


def user_confirmed(**fields: Any) -> User:
    """Somebody who has followed the link and chosen :data:`PASSWORD`."""
    return UserFactory.create(**{"password": make_password(PASSWORD), "email_confirmed_at": timezone.now(), **fields})


def user_onboarded(**fields: Any) -> User:
    """Somebody who has come all the way."""
    return user_confirmed(**{"full_name": "Ada Lovelace", "onboarding_completed_at": timezone.now(), **fields})


def user_staff(**fields: Any) -> User:
    """Somebody who may open the admin, and nothing in it yet."""
    return user_confirmed(is_staff=True, **fields)
