"""Nobody learns from our answers who has an account, nor from the time that they take: the work is the same.

That the answers are the same byte for byte is in ``users/tests``; here it is counted what was done for them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from styleguide_example.announcements.tests.admins import sent
from styleguide_example.announcements.unsubscribing import unsubscribe_url
from styleguide_example.emails.models import Email
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD, UserFactory, user_confirmed, user_onboarded, user_staff

pytestmark = [pytest.mark.once, pytest.mark.django_db]

ADDRESS = "ada@example.com"
UNKNOWN = "nobody@example.com"


class CountingHasher(MD5PasswordHasher):
    """The costly part of signing in, counted instead of timed."""

    hashed = 0

    def encode(self, password: str, salt: Any) -> str:
        type(self).hashed += 1
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def hasher(settings: Settings) -> Iterator[type[CountingHasher]]:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    CountingHasher.hashed = 0
    yield CountingHasher
    CountingHasher.hashed = 0


def _closed(email: str) -> User:
    return user_confirmed(email=email, is_active=False)


SOMEBODY: dict[str, Callable[..., User]] = {
    "confirmed": user_confirmed,
    "onboarded": user_onboarded,
    "of the staff": user_staff,
    "closed": _closed,
    "without a password": UserFactory.create,
}


def _work(act: Callable[[], Any]) -> tuple[int, Counter[str]]:
    """How often a password was hashed, and which kinds of statements were asked."""
    CountingHasher.hashed = 0
    with CaptureQueriesContext(connection) as queries:
        act()
    verbs = Counter(query["sql"].split(maxsplit=1)[0] for query in queries.captured_queries)
    return CountingHasher.hashed, verbs


class TestSignIn:
    @pytest.mark.parametrize("somebody", SOMEBODY)
    def test_hashes_once_for_everybody(self, somebody: str) -> None:
        SOMEBODY[somebody](email=ADDRESS)

        known = _work(lambda: _sign_in(ADDRESS, "not this one"))
        unknown = _work(lambda: _sign_in(UNKNOWN, "not this one"))

        assert known == unknown
        assert known[0] == 1

    def test_hashes_once_with_the_right_password_of_a_closed_account(self) -> None:
        _closed(ADDRESS)

        assert _work(lambda: _sign_in(ADDRESS, PASSWORD)) == _work(lambda: _sign_in(UNKNOWN, PASSWORD))


class TestSignUp:
    @pytest.mark.parametrize("somebody", SOMEBODY)
    def test_writes_one_email_and_hashes_nothing_for_everybody(self, somebody: str) -> None:
        SOMEBODY[somebody](email=ADDRESS)

        for address in (ADDRESS, UNKNOWN):
            hashed, verbs = _work(lambda address=address: Client().post("/sign-up/", {"email": address}))  # type: ignore[misc]
            assert hashed == 0
            assert verbs["INSERT"] <= 5
        assert Email.objects.filter(to=[ADDRESS]).count() == Email.objects.filter(to=[UNKNOWN]).count() == 1


class TestConfirmation:
    def test_asks_as_much_for_a_link_of_nobody(self) -> None:
        UserFactory.create(pk=1, email=ADDRESS)
        MQ, OTk = "MQ", "OTk5OTk"  # noqa: N806  1 and 99999 in base64

        answers = [_answered(lambda person=person: Client().get(f"/confirm/{person}/x-y/")) for person in (MQ, OTk)]  # type: ignore[misc]

        assert answers[0] == answers[1]


class TestUnsubscribing:
    def test_asks_as_much_for_a_link_of_nobody(self) -> None:
        user = user_onboarded(email=ADDRESS)
        announcement = sent()
        *_, token, _ = unsubscribe_url(announcement=announcement, user=user).split("/")
        of, _, signature = token.split(".")
        forged = [f"{of}.{user.pk}.x{signature[1:]}", f"{of}.99999.x{signature[1:]}", f"99999.99999.{signature}"]

        answers = [_answered(lambda one=one: Client().get(f"/unsubscribe/{one}/")) for one in forged]  # type: ignore[misc]

        assert answers[0] == answers[1] == answers[2]


def _sign_in(address: str, password: str) -> None:
    response = Client().post("/sign-in/", {"username": address, "password": password})
    assert response.status_code == 200


def _answered(ask: Callable[[], Any]) -> tuple[int, bytes, tuple[int, Counter[str]]]:
    responses: list[Any] = []
    work = _work(lambda: responses.append(ask()))
    return responses[0].status_code, responses[0].content, work
