"""What happens when the message that sends one e-mail has failed for good."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from celery.exceptions import TimeLimitExceeded
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common import leases
from styleguide_example.common.tests.databases import DatabaseAway
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send, email_sweep
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended

pytestmark = pytest.mark.django_db(transaction=True)


def _failed(kwargs: Mapping[str, Any], *, args: Sequence[Any] = (), error: Exception | None = None) -> None:
    """What Celery does when the task ``the-task`` has failed."""
    task: Any = email_send
    task.on_failure(error or ValueError("x"), "the-task", args, kwargs, None)


class TestEmailSendFailure:
    def test_survives_whatever_the_message_said(self) -> None:
        email = email_asked_for()
        Email.objects.update(next_attempt_at=None)
        numbers: list[Any] = [None, "7", -1, 10**30, [], 1.5]

        for args in ((), (7,), [None], ["a", "b"]):
            for kwargs in ({}, {"x": 1}, *({"email_id": number} for number in numbers)):
                with capture_logs() as lines:
                    _failed(kwargs, args=args)
                assert [line["event"] for line in lines] == ["email_send_failure_without_email"]

        email.refresh_from_db()
        assert email.status == Email.Status.SENDING

    def test_ends_the_email_that_is_named(self) -> None:
        email, other = email_asked_for(), email_asked_for()
        Email.objects.update(next_attempt_at=None)

        _failed({"email_id": email.pk}, args=(other.pk,))

        assert list(Email.objects.filter(status=Email.Status.FAILED)) == [email]

    def test_leaves_an_email_alone_that_has_a_next_attempt_or_a_holder_or_ended(self) -> None:
        held = email_asked_for()
        leases.lease_claim(Email.objects.all(), owner="other", seconds=60)
        emails = [held, email_asked_for(), email_ended("sent"), EmailFactory.create()]
        before = list(Email.objects.order_by("pk").values())

        for email in emails:
            _failed({"email_id": email.pk}, error=TimeLimitExceeded(75))

        assert list(Email.objects.order_by("pk").values()) == before

    @pytest.mark.parametrize(("on_wire", "kind"), [(True, FailureKind.UNKNOWN_OUTCOME), (False, FailureKind.LOST)])
    def test_gives_back_what_the_killed_task_held(self, on_wire: object, kind: FailureKind) -> None:
        email = email_asked_for()
        leases.lease_claim(
            Email.objects.all(), owner="the-task", seconds=60, on_wire_at=timezone.now() if on_wire else None
        )

        _failed({"email_id": email.pk}, error=TimeLimitExceeded(75))

        email.refresh_from_db()
        assert (email.status, email.lease_token) == (Email.Status.SENDING, None)
        assert email.next_attempt_at is not None
        assert email.next_attempt_at <= timezone.now()
        assert email.failed_attempts.get().kind == kind

    def test_ends_what_the_killed_task_held_when_that_was_its_last_attempt(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_MAX_ATTEMPTS = 1
        email = email_asked_for()
        leases.lease_claim(Email.objects.all(), owner="the-task", seconds=60)

        _failed({"email_id": email.pk}, error=TimeLimitExceeded(75))

        email.refresh_from_db()
        assert email.status == Email.Status.FAILED

    def test_survives_a_database_that_is_away_and_leaves_it_to_the_sweep(self) -> None:
        email = email_asked_for()
        Email.objects.update(next_attempt_at=None)

        with connection.execute_wrapper(DatabaseAway(100)), capture_logs() as lines:
            _failed({"email_id": email.pk})

        assert lines[-1]["event"] == "email_send_failure_not_recorded"
        email_sweep.apply()
        email.refresh_from_db()
        assert email.status == Email.Status.FAILED
