"""How a burst takes e-mails, and gives them back."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.common import leases
from styleguide_example.common.tests.databases import DatabaseAway
from styleguide_example.common.tests.racing import meanwhile, race
from styleguide_example.core.enums import Priority
from styleguide_example.emails.claims import Holding, emails_claim, emails_release, worker_name
from styleguide_example.emails.delivery import message_build
from styleguide_example.emails.enums import EmailStatus, FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended, emails_left_behind

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def _claimed(limit: int = 100, **conditions: Any) -> list[Email]:
    return [holding.email for holding in emails_claim(owner="burst", limit=limit, **conditions)]


def _held(count: int) -> list[Holding]:
    emails_left_behind(count)
    holdings = emails_claim(owner="burst", limit=count)
    assert len(holdings) == count
    return holdings


def _rows() -> list[dict[str, Any]]:
    return [dict(row) for row in Email.objects.order_by("pk").values()]


def _lease_is_lost(holding: Holding) -> None:
    holding.row.update(lease_token=uuid.uuid4(), lease_owner="successor", attempts=F("attempts") + 1)


class TestEmailsClaim:
    def test_takes_the_urgent_first_and_of_those_the_longest_due(self) -> None:
        low = emails_left_behind(2, priority=Priority.LOW)
        normal = emails_left_behind(2)
        high = emails_left_behind(2, priority=Priority.HIGH)
        assert _claimed() == [*high, *normal, *low]

    def test_takes_no_more_than_it_was_asked_for(self) -> None:
        emails = emails_left_behind(5)
        assert _claimed(2) == emails[:2]
        assert _claimed(2) == emails[2:4]
        assert _claimed(2) == emails[4:]
        assert _claimed(2) == []

    def test_holds_each_for_its_time_and_counts_the_attempt(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_LEASE_SECONDS = 60
        emails_left_behind(2)
        Email.objects.update(attempts=3, on_wire_at=timezone.now())

        holdings = emails_claim(owner="burst", limit=2)

        assert len({holding.token for holding in holdings}) == 1
        for holding in holdings:
            row = Email.objects.get(pk=holding.email.pk)
            for email in (row, holding.email):
                assert (email.lease_token, email.lease_owner) == (holding.token, "burst")
                assert (email.attempts, email.on_wire_at) == (4, None)
            assert (row.worker, row.task_id) == (worker_name(), "burst")
            assert row.claimed_at is not None
            assert row.lease_expires_at is not None
            assert timedelta() < row.lease_expires_at - timezone.now() <= timedelta(seconds=60.1)

    def test_leaves_what_is_not_due_was_not_asked_for_ended_expired_or_is_held(self) -> None:
        EmailFactory.create()
        for status in EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.CANCELLED:
            email_ended(status)
        email_asked_for(send_after=timezone.now() + MINUTE)
        email_asked_for(expires_at=timezone.now() - MINUTE)
        Email.objects.filter(pk=email_asked_for().pk).update(next_attempt_at=None)
        _held_by_another = leases.lease_claim(Email.objects.filter(pk=email_asked_for().pk), owner="x", seconds=-1)
        assert _held_by_another
        before = _rows()

        assert _claimed() == []
        assert _rows() == before

    @pytest.mark.parametrize("kind", [FailureKind.LOST, FailureKind.UNKNOWN_OUTCOME])
    def test_leaves_alone_what_its_worker_did_not_survive(self, kind: str) -> None:
        suspect, other = emails_left_behind(2)
        Email.objects.filter(pk=suspect.pk).update(last_error_kind=kind)
        assert _claimed() == [other]

    @pytest.mark.parametrize("kind", [FailureKind.TRANSIENT, FailureKind.BUG])
    def test_takes_what_failed_for_another_reason(self, kind: str) -> None:
        emails = emails_left_behind(1, last_error_kind=kind)
        assert _claimed() == emails

    def test_takes_only_what_is_more_urgent_when_asked_to(self) -> None:
        emails_left_behind(2)
        emails_left_behind(2, priority=Priority.LOW)
        high = emails_left_behind(2, priority=Priority.HIGH)
        assert _claimed(more_urgent_than=Priority.NORMAL) == high

    def test_leaves_those_of_servers_that_are_closed(self) -> None:
        of_default = emails_left_behind(1)
        of_backup = emails_left_behind(1, server="backup")
        assert _claimed(without_servers={"backup"}) == of_default
        assert _claimed(without_servers={""}) == of_backup

    @pytest.mark.parametrize("number", [0, 50])
    def test_is_one_statement_however_many_there_are(
        self, number: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        emails_left_behind(number)
        with django_assert_num_queries(3):  # begin, update, commit
            assert len(_claimed(50)) == number

    def test_brings_all_that_a_sender_asks_for(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        emails_left_behind(1, cc=["Ötzi <oetzi@example.com>"], headers={"X-Kind": "test"})
        (email,) = _claimed(1)
        with django_assert_num_queries(0):
            assert message_build(email, has_files=False).payload()
            assert email.headers == {"X-Kind": "test"}
            assert (email.expires_at, email.server, email.batch) == (None, "", None)
            assert email.updated_at is not None
            assert email.updated_at.tzinfo is not None
        assert Email.objects.get() == email


@pytest.mark.django_db(transaction=True)
class TestEmailsClaimAtOnce:
    def test_gives_each_to_one(self) -> None:
        emails = emails_left_behind(60)

        def claims(_: int) -> list[Email]:
            return [email for _round in range(5) for email in _claimed(6)]

        taken = [email for of_one in race(claims, runners=4) for email in of_one]

        assert sorted(email.pk for email in taken) == [email.pk for email in emails]
        assert set(Email.objects.values_list("attempts", flat=True)) == {1}

    def test_refuses_to_be_part_of_somebodys_transaction(self) -> None:
        emails_left_behind(1)
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            _claimed()

    def test_passes_over_what_another_has_locked_at_this_moment(self) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has one writer: make test runs it on PostgreSQL too")
        emails = emails_left_behind(4)
        with transaction.atomic():
            locked = set(Email.objects.select_for_update().filter(pk__in=[emails[0].pk, emails[2].pk]))
            with meanwhile(lambda: _claimed(4)) as claiming:
                assert claiming.result(10) == [emails[1], emails[3]]
        assert _claimed(4) == sorted(locked, key=lambda email: email.pk)


class TestEmailsRelease:
    def test_leaves_rows_as_they_were_before_the_claim(self) -> None:
        emails_left_behind(3)
        Email.objects.update(attempts=2, last_error="451 later", last_error_kind=FailureKind.TRANSIENT)
        before = _rows()

        emails_release(emails_claim(owner="burst", limit=3))

        assert [{**row, "updated_at": None} for row in _rows()] == [{**row, "updated_at": None} for row in before]

    def test_names_the_time_before_which_they_should_not_go_out(self) -> None:
        later = timezone.now() + MINUTE
        emails_release(_held(2), retry_at=later)
        assert set(Email.objects.values_list("next_attempt_at", "attempts", "lease_token")) == {(later, 0, None)}

    def test_leaves_them_to_be_woken_for_at_once(self) -> None:
        emails_left_behind(1, woken_at=timezone.now())
        emails_release(emails_claim(owner="burst", limit=1))
        assert Email.objects.get().woken_at is None

    def test_leaves_a_successors_alone(self) -> None:
        lost, held = _held(2)
        _lease_is_lost(lost)
        before = lost.row.values().get()

        emails_release([lost, held])

        assert lost.row.values().get() == before
        assert held.row.get().lease_token is None

    def test_is_one_statement_and_none_for_nothing(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        holdings = _held(20)
        with django_assert_num_queries(1):
            emails_release(holdings)
        with django_assert_num_queries(0):
            emails_release([])

    @pytest.mark.django_db(transaction=True)
    def test_is_said_again_when_the_database_was_away(self) -> None:
        holdings = _held(2)
        with connection.execute_wrapper(DatabaseAway(1)):
            emails_release(holdings)
        assert set(Email.objects.values_list("attempts", flat=True)) == {0}
