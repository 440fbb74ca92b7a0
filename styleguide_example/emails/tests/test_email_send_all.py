from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.common.tests.brokers import message_priority, messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.core.enums import Priority, broker_priority
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_send_all, email_sweep
from styleguide_example.emails.tasks import email_send_due
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.tasks.celery import app as celery_app

pytestmark = pytest.mark.django_db(transaction=True)


class TestEmailSendAll:
    def test_asks_for_the_ready_ones_and_leaves_the_others_alone(self, queue: Queue) -> None:
        ready = [EmailFactory.create() for _ in range(3)]
        others = [email_asked_for(), *(email_ended(status) for status in ("sent", "failed", "cancelled"))]
        before = list(Email.objects.filter(pk__in=[email.pk for email in others]).order_by("pk").values())

        assert email_send_all(emails=Email.objects.all()) == 3

        assert {Email.objects.get(pk=email.pk).status for email in ready} == {Email.Status.SENDING}
        assert list(Email.objects.filter(pk__in=[email.pk for email in others]).order_by("pk").values()) == before

    def test_asks_for_those_that_it_was_given(self, queue: Queue) -> None:
        first, second = EmailFactory.create(), EmailFactory.create()
        assert email_send_all(emails=Email.objects.filter(pk=first.pk)) == 1
        second.refresh_from_db()
        assert second.status == Email.Status.READY

    @pytest.mark.parametrize(
        "narrowed",
        [
            lambda emails: emails.order_by("-subject"),
            lambda emails: emails.order_by("pk")[:2],
            lambda emails: emails.defer("html"),
            lambda emails: emails.select_related("resend_of").distinct(),
        ],
    )
    def test_takes_a_queryset_of_any_kind(self, queue: Queue, narrowed: object) -> None:
        EmailFactory.create(), EmailFactory.create()
        assert callable(narrowed)
        emails: QuerySet[Email] = narrowed(Email.objects.all())
        assert email_send_all(emails=emails) == 2

    def test_sends_one_message_for_all_which_wakes_a_burst(self, queue: Queue, smtp: SMTPServer) -> None:
        emails = [EmailFactory.create() for _ in range(5)]
        with transaction.atomic():
            email_send_all(emails=Email.objects.all())
            assert len(queue) == 0

        (message,) = messages_take(celery_app)
        assert dict(message.headers)["task"] == "styleguide_example.emails.tasks.email_send_due"
        assert message.decode()[:2] == [[], {}]
        assert message_priority(message) == broker_priority(Priority.LOW, broker_url=str(celery_app.conf.broker_url))

        email_send_due.apply()
        assert smtp.copies() == {email.message_id: 1 for email in emails}

    def test_wakes_nobody_after_a_rollback(self, queue: Queue) -> None:
        EmailFactory.create()
        with transaction.atomic():
            email_send_all(emails=Email.objects.all())
            transaction.set_rollback(True)
        assert len(queue) == 0

    def test_wakes_nobody_for_nothing(self, queue: Queue) -> None:
        assert email_send_all(emails=Email.objects.all()) == 0
        assert len(queue) == 0

    def test_asks_once_when_asked_by_many_at_once(self, queue: Queue) -> None:
        for _ in range(5):
            EmailFactory.create()
        assert sum(race(lambda _: email_send_all(emails=Email.objects.all()), runners=4)) == 5

    def test_leaves_those_with_a_time_to_the_sweep(self, queue: Queue) -> None:
        later = timezone.now() + timedelta(hours=1)
        EmailFactory.create(send_after=later)
        email_send_all(emails=Email.objects.all())
        assert Email.objects.get().next_attempt_at == later
        assert email_sweep().emails == []

    def test_is_one_statement_however_many_there_are(
        self, queue: Queue, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(20):
            EmailFactory.create()
        with django_assert_num_queries(1):
            email_send_all(emails=Email.objects.all())
