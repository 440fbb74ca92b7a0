import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common.tests.racing import meanwhile, race
from styleguide_example.emails.models import AttachmentContent, Email, EmailAttachment, EmailAttempt
from styleguide_example.emails.services import Attachment, email_cleanup, email_resend, email_retry
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keeping(settings: Settings) -> None:
    settings.EMAIL_KEEP_ENDED_DAYS = 90
    settings.EMAIL_KEEP_FAILED_DAYS = 365


def _ended(status: str, *, days_ago: float, attachments: tuple[Attachment, ...] = ()) -> Email:
    email = email_ended(status, attachments=attachments)
    long_ago = timezone.now() - timedelta(days=days_ago)
    Email.objects.filter(pk=email.pk).update(created_at=long_ago, ended_at=long_ago)
    AttachmentContent.objects.filter(attachments__email=email).update(last_used_at=long_ago)
    return email


class TestEmailCleanup:
    @pytest.mark.parametrize(
        ("status", "days_ago", "stays"),
        [
            ("sent", 89, True),
            ("sent", 91, False),
            ("cancelled", 89, True),
            ("cancelled", 91, False),
            ("failed", 91, True),
            ("failed", 364, True),
            ("failed", 366, False),
        ],
    )
    def test_deletes_what_ended_long_enough_ago(self, status: str, days_ago: float, stays: object) -> None:
        email = _ended(status, days_ago=days_ago)
        assert email_cleanup() == (0 if stays else 1)
        assert Email.objects.filter(pk=email.pk).exists() == stays

    def test_never_deletes_what_has_not_ended(self) -> None:
        EmailFactory.create(), email_asked_for()
        Email.objects.update(created_at=timezone.now() - timedelta(days=3000))
        assert email_cleanup() == 0
        assert Email.objects.count() == 2

    def test_goes_by_when_it_ended_and_not_by_when_it_was_written(self) -> None:
        email = _ended("sent", days_ago=1000)
        Email.objects.filter(pk=email.pk).update(ended_at=timezone.now())
        assert email_cleanup() == 0

    def test_deletes_a_batch_at_a_time_until_all_are_gone(self) -> None:
        for _ in range(7):
            _ended("sent", days_ago=100)
        kept = _ended("sent", days_ago=1)

        with CaptureQueriesContext(connection) as queries:
            assert email_cleanup(batch_size=3) == 7

        deleted = [query["sql"] for query in queries if query["sql"].startswith('DELETE FROM "emails_email" ')]
        assert len(deleted) == 3
        assert list(Email.objects.all()) == [kept]

    def test_takes_attempts_and_attachments_along(self) -> None:
        email = _ended("failed", days_ago=400, attachments=(Attachment("a", b"a"),))
        EmailAttempt.objects.create(email=email, number=1, kind="lost", error="", ended_at=timezone.now())

        email_cleanup()

        assert not EmailAttempt.objects.exists()
        assert not EmailAttachment.objects.exists()
        assert not AttachmentContent.objects.exists()

    def test_keeps_bytes_that_another_email_carries(self) -> None:
        _ended("sent", days_ago=100, attachments=(Attachment("a", b"a"),))
        kept = _ended("sent", days_ago=1, attachments=(Attachment("a", b"a"),))
        AttachmentContent.objects.update(last_used_at=timezone.now() - timedelta(days=100))

        email_cleanup()

        assert [bytes(attachment.content.content) for attachment in kept.attachments.all()] == [b"a"]

    def test_keeps_bytes_that_a_new_email_is_about_to_carry(self) -> None:
        """Written a moment ago, by a transaction that has not written the e-mail yet."""
        AttachmentContent.objects.create(sha256="0" * 64, content=b"a", last_used_at=timezone.now())
        email_cleanup()
        assert AttachmentContent.objects.exists()

    def test_keeps_a_copy_of_what_it_deletes(self) -> None:
        old = _ended("sent", days_ago=100)
        copy = email_resend(email=old, reason="Again")
        email_cleanup()
        copy.refresh_from_db()
        assert copy.resend_of is None

    def test_does_not_load_bodies_and_bytes_to_delete_them(self) -> None:
        _ended("sent", days_ago=100, attachments=(Attachment("a", b"a"),))
        with CaptureQueriesContext(connection) as queries:
            email_cleanup()
        selects = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
        assert selects
        assert not [sql for sql in selects if '"emails_email"."html"' in sql]
        assert not [sql for sql in selects if '"emails_attachmentcontent"."content"' in sql]

    def test_logs_numbers_alone(self) -> None:
        _ended("sent", days_ago=100)
        with capture_logs() as lines:
            email_cleanup()
        assert lines == [
            {"event": "emails_cleaned_up", "emails": 1, "attachment_contents": 0, "log_level": "info"},
        ]


@pytest.mark.django_db(transaction=True)
class TestEmailCleanupAtOnce:
    def test_counts_each_once(self) -> None:
        for number in range(20):
            _ended("sent", days_ago=100, attachments=(Attachment("a", b"%d" % number),))
        assert sum(race(lambda _: email_cleanup(batch_size=5), runners=2)) == 20
        assert not Email.objects.exists()
        assert not AttachmentContent.objects.exists()

    def test_keeps_one_that_is_retried_at_this_moment(self) -> None:
        email = _ended("failed", days_ago=400)
        retried, cleaned = threading.Event(), threading.Event()

        @transaction.atomic
        def retry() -> None:
            email_retry(email=Email.objects.get())
            retried.set()
            # Where a row is locked the cleanup goes past it; where the whole database is, it waits for us.
            cleaned.wait(1)

        with meanwhile(retry) as retrying:
            assert retried.wait(10)
            deleted = email_cleanup()
            cleaned.set()

        assert (retrying.exception(), deleted) == (None, 0)
        email.refresh_from_db()
        assert email.status == Email.Status.SENDING
