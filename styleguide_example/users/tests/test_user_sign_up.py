from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from styleguide_example.core.enums import Priority
from styleguide_example.emails.models import Email
from styleguide_example.users.models import User
from styleguide_example.users.services import user_sign_up
from styleguide_example.users.tests.factories import UserFactory, user_confirmed
from styleguide_example.users.tests.letters import letters_refused, letters_to, link_in

ADDRESS = "ada@example.com"


@pytest.mark.django_db
class TestUserSignUp:
    def test_creates_an_unknown_person_without_a_password(self) -> None:
        user_sign_up(email="Ada@Example.com")

        user = User.objects.get(email=ADDRESS)
        assert not user.has_usable_password()
        assert not user.is_email_confirmed

    def test_asks_for_the_confirmation_and_wakes_one_worker(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            user_sign_up(email=ADDRESS)

        (email,) = letters_to(ADDRESS)
        assert (email.category, email.status) == ("confirmation", Email.Status.SENDING)
        assert email.priority == Priority.HIGH
        assert len(callbacks) == 1

    def test_lets_the_email_expire_with_its_link(self, settings: Settings) -> None:
        settings.PASSWORD_RESET_TIMEOUT = 3600

        user_sign_up(email=ADDRESS)

        (email,) = letters_to(ADDRESS)
        assert email.expires_at is not None
        assert abs(email.expires_at - timezone.now() - timedelta(hours=1)) < timedelta(seconds=5)
        assert "1\xa0hour" in email.plain_text

    def test_writes_the_link_with_the_public_address_into_both_bodies(self, settings: Settings) -> None:
        settings.APP_BASE_URL = "https://notes.example.com"

        user_sign_up(email=ADDRESS)

        (email,) = letters_to(ADDRESS)
        link = f"https://notes.example.com{link_in(email)}"
        assert link in email.plain_text
        assert f'href="{link}"' in email.html

    def test_sends_the_confirmation_again_to_an_unconfirmed_person(self) -> None:
        user_sign_up(email=ADDRESS)
        user_sign_up(email=ADDRESS)

        assert [email.category for email in letters_to(ADDRESS)] == ["confirmation", "confirmation"]
        assert User.objects.count() == 1

    def test_tells_a_confirmed_person_that_there_is_an_account(self) -> None:
        user = user_confirmed(email=ADDRESS)
        password = user.password

        user_sign_up(email=ADDRESS)

        (email,) = letters_to(ADDRESS)
        assert email.category == "account_exists"
        assert "/sign-in/" in email.plain_text
        assert link_in(email)
        user.refresh_from_db()
        assert user.password == password

    @pytest.mark.parametrize("somebody", [UserFactory.create, user_confirmed])
    def test_sends_no_link_to_somebody_whose_account_was_closed(self, somebody: Callable[..., User]) -> None:
        somebody(email=ADDRESS, is_active=False)

        user_sign_up(email=ADDRESS)

        (email,) = letters_to(ADDRESS)
        assert "closed" in email.plain_text
        assert "http" not in email.plain_text
        assert "href" not in email.html

    def test_writes_nothing_when_the_transaction_is_rolled_back(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True) as callbacks, transaction.atomic():
            user_sign_up(email=ADDRESS)
            transaction.set_rollback(True)

        assert callbacks == []
        assert not Email.objects.exists()
        assert not User.objects.exists()

    def test_creates_nobody_when_the_email_cannot_be_written(self) -> None:
        with letters_refused(), pytest.raises(OperationalError):
            user_sign_up(email=ADDRESS)

        assert not User.objects.exists()

    def test_refuses_what_is_not_an_address_and_writes_nothing(self) -> None:
        with pytest.raises(ValidationError):
            user_sign_up(email="nobody")

        assert not Email.objects.exists()

    @pytest.mark.parametrize("domain", ["ex\u00adample.com", "ex\u200dample.com", "ex\u2060ample.com"])
    def test_does_not_take_one_address_for_another(self, domain: str) -> None:
        user_confirmed(email=ADDRESS)

        with pytest.raises(ValidationError):
            user_sign_up(email=f"ada@{domain}")

        assert not Email.objects.exists()

    @pytest.mark.parametrize(
        "email",
        ['""@example.com', '"\x01"@example.com', "a@אa.com", f"a@{'ü' * 63}.com", "a\x00@example.com", "\ud800@a.com"],
    )
    def test_refuses_what_email_could_not_be_sent_to(self, email: str) -> None:
        with pytest.raises(ValidationError):
            user_sign_up(email=email)

        assert not User.objects.exists()

    def test_writes_to_both_spellings_of_a_domain_as_to_one(self) -> None:
        user_sign_up(email="ada@bücher.example")
        user_sign_up(email="ada@xn--bcher-kva.example")

        assert User.objects.count() == 1
        assert len(letters_to("ada@xn--bcher-kva.example")) == 2

    def test_does_about_the_same_work_for_a_known_and_an_unknown_address(self) -> None:
        user_confirmed(email="known@example.com")

        with CaptureQueriesContext(connection) as unknown:
            user_sign_up(email=ADDRESS)
        with CaptureQueriesContext(connection) as known:
            user_sign_up(email="known@example.com")

        # The row of the person, and the savepoint around it.
        assert len(unknown) - len(known) == 3

    def test_writes_to_somebody_who_signed_up_between_the_question_and_the_answer(self) -> None:
        with connection.execute_wrapper(_SignsUpAfterTheQuestion()):
            user_sign_up(email=ADDRESS)

        assert User.objects.count() == 1
        assert [email.category for email in letters_to(ADDRESS)] == ["confirmation"]


@pytest.mark.django_db(transaction=True)
class TestUserSignUpAtOnce:
    def test_makes_one_person_and_answers_both(self) -> None:
        barrier = Barrier(4)

        def sign_up(_: int) -> None:
            try:
                barrier.wait(timeout=20)
                user_sign_up(email=ADDRESS)
            finally:
                connection.close()

        with ThreadPoolExecutor(max_workers=4) as threads:
            list(threads.map(sign_up, range(4)))

        assert User.objects.count() == 1
        assert len(letters_to(ADDRESS)) == 4


class _SignsUpAfterTheQuestion:
    """Stands at the edge of the database: once it answered that there is nobody, there is somebody."""

    def __init__(self) -> None:
        self.asked = False
        self.done = False

    def __call__(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if self.asked and not self.done:
            self.done = True
            UserFactory.create(email=ADDRESS)
        self.asked = self.asked or (sql.startswith("SELECT") and "users_user" in sql)
        return execute(sql, *arguments)
