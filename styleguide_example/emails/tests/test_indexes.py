"""Ten million rows, of which a few are pending: what is asked every ten seconds must not read the others."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import CharField, Count, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from styleguide_example.common import leases
from styleguide_example.common.tests.filling import table_fill
from styleguide_example.emails.enums import WAITING_STATUSES
from styleguide_example.emails.models import Email
from styleguide_example.emails.search import emails_found
from styleguide_example.emails.selectors import email_batch_failed
from styleguide_example.emails.tests.factories import EmailFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def many_ended() -> None:
    """Enough rows for a planner to look for an index, hardly any of them pending."""
    now = timezone.now()
    email = EmailFactory.create()
    email.status, email.sent_at, email.ended_at = Email.Status.SENT, now, now
    table_fill(email, 1000)
    email.status, email.sent_at = Email.Status.FAILED, None
    table_fill(email, 300)
    number = Cast("pk", CharField())
    Email.objects.update(message_id=Concat(Value("<"), number, Value("@a>")), recipient=Concat(number, Value("@b")))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _plan(emails: QuerySet[Email, Any]) -> str:
    return emails.explain()


@pytest.mark.usefixtures("many_ended")
class TestIndexes:
    def test_find_what_is_due(self) -> None:
        sending = Email.objects.filter(status=Email.Status.SENDING)
        due = leases.rows_to_wake(sending, again_after_seconds=30)
        assert "email_due" in _plan(due.order_by("priority", "next_attempt_at").only("pk", "priority")[:1000])

    def test_find_what_was_given_up(self) -> None:
        sending = Email.objects.filter(status=Email.Status.SENDING)
        assert "email_due" in _plan(sending.filter(leases.UNCLAIMED, next_attempt_at__isnull=True))

    def test_find_what_has_expired(self) -> None:
        sending = Email.objects.filter(status=Email.Status.SENDING)
        assert "email_due" in _plan(sending.filter(leases.UNCLAIMED, expires_at__lte=timezone.now()))

    def test_find_leases_that_ran_out(self) -> None:
        sending = Email.objects.filter(status=Email.Status.SENDING)
        assert "email_leased" in _plan(leases.leases_expired(sending)[: settings.EMAIL_SENDING_SWEEP_LIMIT])

    def test_find_what_ended_long_ago(self) -> None:
        old = Email.objects.filter(status=Email.Status.SENT, ended_at__lt=timezone.now() - timedelta(days=90))
        assert "email_ended" in _plan(old.order_by("ended_at")[:1000])

    def test_find_what_belongs_to_a_batch(self) -> None:
        batch = Email.objects.filter(batch="news:7")
        counted = batch.values_list("batch", "status", "cancel_reason").annotate(Count("pk")).order_by()
        assert "email_batch" in _plan(counted)
        assert "email_batch" in _plan(batch.filter(status__in=WAITING_STATUSES)[:1])
        assert "email_batch" in _plan(email_batch_failed(batch="news:7")[:50])

    def test_find_what_staff_look_for(self) -> None:
        plan = _plan(emails_found(emails=Email.objects.all(), words="ada@example.org").order_by("-pk")[:50])
        assert "email_recipient" in plan
        assert "email_message_id" in plan
        assert "email_leased" in plan  # those that a worker holds, which are few

    def test_find_what_failed_lately_among_all_that_was_sent(self) -> None:
        failed = Email.objects.filter(status=Email.Status.FAILED, ended_at__gte=timezone.now() - timedelta(days=1))
        assert "email_failed" in _plan(failed)

    def test_find_an_idempotency_key(self) -> None:
        plan = _plan(Email.objects.filter(idempotency_key="welcome:7"))
        assert "idempotency_key" in plan
        assert "SCAN" not in plan.upper().replace("INDEX SCAN", "").replace("BITMAP HEAP SCAN", "")
