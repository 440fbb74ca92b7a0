from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.models import Email
from styleguide_example.users.models import User
from styleguide_example.users.services import user_complete_onboarding
from styleguide_example.users.tests.factories import UserFactory, user_confirmed
from styleguide_example.users.tests.letters import letters_refused, letters_to


@pytest.mark.django_db
class TestUserCompleteOnboarding:
    def test_notes_the_time_and_asks_for_the_welcome(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        user = user_confirmed(full_name="Ada")

        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            user = user_complete_onboarding(user=user)

        assert user.is_onboarded
        (email,) = letters_to(user.email)
        assert (email.category, email.status) == ("welcome", Email.Status.SENDING)
        assert email.idempotency_key == f"welcome:{user.pk}"
        assert "Welcome, Ada" in email.plain_text
        assert len(callbacks) == 1

    def test_changes_and_sends_nothing_a_second_time(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        user = user_complete_onboarding(user=user_confirmed())
        completed_at = user.onboarding_completed_at

        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            user = user_complete_onboarding(user=user)

        assert user.onboarding_completed_at == completed_at
        assert len(letters_to(user.email)) == 1
        assert callbacks == []

    def test_trusts_the_row_and_not_the_object_that_it_was_given(self) -> None:
        user = user_confirmed()
        stale = User.objects.get(pk=user.pk)
        user_complete_onboarding(user=user)

        user_complete_onboarding(user=stale)

        assert stale.is_onboarded
        assert len(letters_to(user.email)) == 1

    def test_refuses_somebody_whose_address_is_not_confirmed(self) -> None:
        user = UserFactory.create()

        with pytest.raises(ConflictError, match=f"User {user.pk} has not confirmed"):
            user_complete_onboarding(user=user)

        assert not User.objects.get(pk=user.pk).is_onboarded
        assert letters_to(user.email) == []

    def test_is_undone_together_with_its_email(self) -> None:
        user = user_confirmed()

        with transaction.atomic():
            user_complete_onboarding(user=user)
            transaction.set_rollback(True)

        assert not User.objects.get(pk=user.pk).is_onboarded
        assert letters_to(user.email) == []

    def test_is_not_complete_when_the_welcome_cannot_be_written(self) -> None:
        user = user_confirmed()

        with letters_refused(), pytest.raises(OperationalError):
            user_complete_onboarding(user=user)

        assert not User.objects.get(pk=user.pk).is_onboarded

    def test_escapes_the_name_where_it_could_be_read_as_html(self) -> None:
        user = user_confirmed(full_name="<img src=x onerror=alert(1)> O'Brien")

        user_complete_onboarding(user=user)

        (email,) = letters_to(user.email)
        assert "<img" not in email.html
        assert "&lt;img src=x onerror=alert(1)&gt;" in email.html
        assert "Welcome, <img src=x onerror=alert(1)> O'Brien" in email.plain_text

    def test_keeps_a_line_break_in_an_old_row_out_of_subject_and_recipient(self) -> None:
        user = user_confirmed(full_name="Ada\r\nBcc: eve@example.com")

        user_complete_onboarding(user=user)

        (email,) = letters_to(user.email)
        assert email.subject == "Welcome to Fieldnote"
        assert email.headers == {}
        assert email.bcc == []

    def test_greets_somebody_without_a_name(self) -> None:
        user = user_complete_onboarding(user=user_confirmed())

        (email,) = letters_to(user.email)
        assert email.plain_text.startswith("Welcome\n")


@pytest.mark.django_db(transaction=True)
class TestUserCompleteOnboardingAtOnce:
    def test_sends_one_welcome(self) -> None:
        user = user_confirmed()
        barrier = Barrier(4)

        def complete(_: int) -> None:
            try:
                barrier.wait(timeout=20)
                user_complete_onboarding(user=User.objects.get(pk=user.pk))
            finally:
                connection.close()

        with ThreadPoolExecutor(max_workers=4) as threads:
            list(threads.map(complete, range(4)))

        assert len(letters_to(user.email)) == 1
