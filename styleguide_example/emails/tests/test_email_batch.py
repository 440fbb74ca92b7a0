import pytest
from pytest_django import DjangoAssertNumQueries

from styleguide_example.emails.enums import CancelReason
from styleguide_example.emails.models import Email
from styleguide_example.emails.selectors import (
    BatchCounts,
    email_batch_counts,
    email_batch_failed,
    email_batch_waits,
    email_batches_counts,
)
from styleguide_example.emails.tests.factories import email_asked_for, email_ended

pytestmark = pytest.mark.django_db


def _batch(*statuses: str, name: str = "news:7") -> list[Email]:
    emails = [email_ended(status) for status in statuses]
    Email.objects.filter(pk__in=[email.pk for email in emails]).update(batch=name)
    return emails


class TestEmailBatchCounts:
    def test_say_how_many_are_in_each_status(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        _batch("sent", "sent", "failed", "cancelled")
        for reason in CancelReason:
            (email,) = _batch("cancelled")
            Email.objects.filter(pk=email.pk).update(cancel_reason=reason)
        Email.objects.filter(pk=email_asked_for().pk).update(batch="news:7")
        _batch("sent", "failed", name="news:70")
        email_ended("failed")
        with django_assert_num_queries(1):
            counts = email_batch_counts(batch="news:7")
        assert counts == BatchCounts(sending=1, sent=2, failed=1, cancelled=1, stopped=1, suppressed=1)
        assert (counts.waiting, counts.known) == (1, 7)

    def test_are_zero_for_a_batch_that_is_not_there(self) -> None:
        assert email_batch_counts(batch="news:8") == BatchCounts()

    def test_are_read_for_many_at_once(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        _batch("sent", "failed")
        _batch("sent", name="news:70")
        with django_assert_num_queries(1):
            counts = email_batches_counts(batches=["news:7", "news:70", "news:8"])
        assert counts == {"news:7": BatchCounts(sent=1, failed=1), "news:70": BatchCounts(sent=1)}


class TestEmailBatchWaits:
    def test_while_one_of_it_may_still_go_out(self) -> None:
        _batch("sent")
        assert not email_batch_waits(batch="news:7")
        Email.objects.filter(pk=email_asked_for().pk).update(batch="news:70")
        assert email_batch_waits(batch="news:70")
        assert not email_batch_waits(batch="news:7")


class TestEmailBatchFailed:
    def test_lists_the_failed_ones_of_this_batch_the_newest_first(self) -> None:
        _, first, second = _batch("sent", "failed", "failed")
        _batch("failed", name="news:70")
        assert list(email_batch_failed(batch="news:7")) == [second, first]
