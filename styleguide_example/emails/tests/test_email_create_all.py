from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.common.tests.racing import race
from styleguide_example.core.enums import Priority
from styleguide_example.emails.bulk import NewEmail, email_create_all
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_create, email_queue, email_sweep
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for
from styleguide_example.tasks.celery import app as celery_app

pytestmark = pytest.mark.django_db(transaction=True)


def _new(number: int, **fields: Any) -> NewEmail:
    given = {"to": f"person{number}@example.org", "subject": "News", "html": "<p>News</p>", "plain_text": "News\n"}
    return NewEmail(idempotency_key=f"news:{number}", **{**given, **fields})


def _many(count: int) -> Iterator[NewEmail]:
    return (_new(number) for number in range(count))


class TestEmailCreateAll:
    def test_leaves_rows_as_if_each_had_been_written_and_asked_for(self, queue: Queue) -> None:
        email_create_all(emails=[_new(1, headers={"X-A": "1"})], batch="news:7", category="news")
        one = email_queue(
            email=email_create(
                to=["person1@example.org"],
                subject="News",
                html="<p>News</p>",
                plain_text="News\n",
                headers={"X-A": "1"},
                category="news",
                priority=Priority.LOW,
                idempotency_key="other",
            )
        )
        many = Email.objects.get(idempotency_key="news:1")

        differs = {
            field.attname
            for field in Email._meta.concrete_fields
            if getattr(many, field.attname) != getattr(one, field.attname)
        }
        # The moment, what makes each the only one, the batch; and nobody was woken for this one alone.
        moments = {"created_at", "updated_at", "queued_at", "next_attempt_at"}
        assert differs - moments == {"id", "message_id", "idempotency_key", "batch", "woken_at"}
        assert (many.batch, many.woken_at) == ("news:7", None)

    def test_wakes_a_burst_once_after_the_commit(self, queue: Queue) -> None:
        with transaction.atomic():
            email_create_all(emails=_many(1200), batch="news:7")
            assert len(queue) == 0

        (message,) = messages_take(celery_app)
        assert dict(message.headers)["task"] == "styleguide_example.emails.tasks.email_send_due"
        assert email_sweep().is_burst

    def test_is_undone_with_the_callers_transaction(self, queue: Queue) -> None:
        with transaction.atomic():
            email_create_all(emails=_many(3), batch="news:7")
            transaction.set_rollback(True)
        assert not Email.objects.exists()
        assert len(queue) == 0

    def test_writes_none_a_second_time_whose_key_was_used(self, queue: Queue) -> None:
        email_create_all(emails=_many(3), batch="news:7")
        before = list(Email.objects.order_by("pk").values())

        created = email_create_all(emails=[_new(1, subject="Other"), _new(3)], batch="news:7")

        assert created.count == 2
        assert list(Email.objects.order_by("pk").values())[:3] == before
        assert Email.objects.count() == 4

    def test_writes_each_once_when_two_write_at_once(self, queue: Queue) -> None:
        race(lambda _: email_create_all(emails=_many(300), batch="news:7"), runners=2)
        assert Email.objects.count() == 300

    def test_names_those_that_are_not_valid_and_writes_the_others(self, queue: Queue) -> None:
        emails = [
            _new(1),
            _new(2, to="nobody"),
            _new(3, subject="a\nBcc: eve@example.org"),
            _new(4, headers={"Bcc": "eve@example.org"}),
            _new(5, html="\x00"),
            _new(6),
        ]
        created = email_create_all(emails=emails, batch="news:7")

        assert created.count == 2
        assert list(created.invalid) == ["news:2", "news:3", "news:4", "news:5"]
        assert "address in 'to' is not valid" in created.invalid["news:2"]
        assert list(Email.objects.order_by("pk").values_list("idempotency_key", flat=True)) == ["news:1", "news:6"]

    def test_wakes_nobody_for_nothing(self, queue: Queue) -> None:
        assert email_create_all(emails=[_new(1, to="nobody")], batch="news:7").count == 0
        assert email_create_all(emails=[], batch="news:7").count == 0
        assert len(queue) == 0

    @pytest.mark.parametrize(
        "shared",
        [
            {"batch": ""},
            {"batch": "x" * 101},
            {"batch": "a\nb"},
            {"batch": "a", "from_email": "no"},
            {"batch": "a", "category": "a\nb"},
            {"batch": "a", "priority": Priority.RESERVED},
        ],
    )
    def test_refuses_what_all_would_share(self, queue: Queue, shared: dict[str, Any]) -> None:
        with pytest.raises(EmailInvalidError):
            email_create_all(emails=_many(1), **shared)
        assert not Email.objects.exists()

    def test_takes_as_many_statements_for_some_hundreds_whoever_they_are(
        self, queue: Queue, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        # BEGIN, INSERT, COMMIT; some INSERTs more where a statement has few parameters.
        with django_assert_max_num_queries(6):
            email_create_all(emails=_many(500), batch="news:7")

    def test_takes_from_the_iterator_no_more_than_it_writes_next(self, queue: Queue) -> None:
        taken = []

        def endless() -> Iterator[NewEmail]:
            for number in range(1600):
                if number == 1500:  # three chunks are written, none is kept
                    assert Email.objects.count() == 1500
                taken.append(number)
                yield _new(number)

        assert email_create_all(emails=endless(), batch="news:7").count == 1600
        assert len(taken) == 1600

    def test_is_overtaken_by_what_one_person_waits_for(self, queue: Queue) -> None:
        email_create_all(emails=_many(3), batch="news:7")
        one = email_asked_for(priority=Priority.HIGH)
        Email.objects.update(woken_at=None)
        assert email_sweep().emails[0] == one

    def test_leaves_single_emails_without_a_batch(self) -> None:
        assert EmailFactory.create().batch is None
