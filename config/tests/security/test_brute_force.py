"""Whoever guesses is stopped, however they disguise themselves, and is told when to come back.

The limits themselves are in ``users/tests`` and ``common/tests/test_rate_limits.py``.
"""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD, user_confirmed
from styleguide_example.users.tests.windows import window_begun

pytestmark = [pytest.mark.once, pytest.mark.django_db]

ADDRESS = "ada@example.com"
RIGHT = {"username": ADDRESS, "password": PASSWORD}
WRONG = {"username": ADDRESS, "password": "not this one"}
#: What a client may say about where it comes from, and nobody believes.
DISGUISES = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "Via")
#: Each is the same address to the one who reads its mail.
SPELLINGS = [
    "ada@example.com",
    "ADA@EXAMPLE.COM",
    " ada@example.com",
    "ada@example.com\t",
    "\uff41\uff44\uff41@example.com",
    "Ada@Example.Com ",
]


@pytest.fixture(autouse=True)
def _no_window_ends() -> Iterator[None]:
    """While the test counts."""
    with window_begun():
        yield


class TestSignIn:
    def test_counts_one_client_in_every_disguise(self, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 3
        user_confirmed(email=ADDRESS)

        answers = [
            Client(headers=dict.fromkeys(DISGUISES, f"192.0.2.{number}")).post("/sign-in/", WRONG).status_code
            for number in range(5)
        ]

        assert answers == [200, 200, 200, 429, 429]

    def test_counts_one_account_in_every_spelling(self, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 3
        user_confirmed(email=ADDRESS)

        answers = [Client().post("/sign-in/", {**WRONG, "username": one}).status_code for one in SPELLINGS]

        assert answers == [200, 200, 200, 429, 429, 429]

    def test_has_no_second_door(self, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 0
        User.objects.filter(pk=user_confirmed(email=ADDRESS).pk).update(is_staff=True, is_superuser=True)

        for path in ("/admin/login/", "/admin/", "/admin/login/?next=/admin/", "/api/docs/", "/api/"):
            client = Client(headers={"Authorization": "Basic YWRhQGV4YW1wbGUuY29tOng="})
            client.post(path, RIGHT)
            assert "_auth_user_id" not in client.session
            assert client.post(path, {**RIGHT, "this_is_the_login_form": "1"}).status_code in {302, 401, 405}

    def test_tells_a_person_what_to_do(self, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 0

        refused = Client().post("/sign-in/", RIGHT)

        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == str(settings.RATE_LIMIT_WINDOW_SECONDS)
        assert "Please wait 15\xa0minutes" in refused.content.decode()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_lets_no_more_through_than_one_after_the_other(self, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS = 5
        user_confirmed(email=ADDRESS)
        start, answers = threading.Barrier(12), Counter[int]()

        def guess() -> None:
            start.wait()
            try:
                answers[Client().post("/sign-in/", WRONG).status_code] += 1
            finally:
                connection.close()

        threads = [threading.Thread(target=guess) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == {200: 5, 429: 7}


class TestSignUp:
    def test_counts_one_client_in_every_disguise(self, settings: Settings) -> None:
        settings.RATE_LIMIT_SIGN_UPS_PER_CLIENT = 3

        answers = [
            Client(headers=dict.fromkeys(DISGUISES, f"192.0.2.{number}"))
            .post("/sign-up/", {"email": f"person-{number}@example.com"})
            .status_code
            for number in range(5)
        ]

        assert answers == [302, 302, 302, 429, 429]
