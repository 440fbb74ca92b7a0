"""How a burst writes down what was sent and what starts, with one statement."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.common import leases
from styleguide_example.common.tests.databases import DatabaseAway
from styleguide_example.common.tests.racing import race
from styleguide_example.emails import outcomes
from styleguide_example.emails.claims import Holding, emails_claim
from styleguide_example.emails.conversations import Delivery
from styleguide_example.emails.enums import EmailStatus, FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.records import emails_record
from styleguide_example.emails.tests.factories import emails_left_behind

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
YES = Delivery(reply="250 taken", accepted=["ada@example.org"])


def _held(count: int) -> list[Holding]:
    emails_left_behind(count)
    holdings = emails_claim(owner="burst", limit=count)
    assert len(holdings) == count
    return holdings


def _rows() -> list[dict[str, Any]]:
    return [dict(row) for row in Email.objects.order_by("pk").values()]


def _row(holding: Holding) -> dict[str, Any]:
    return dict(holding.row.values().get())


def _lease_is_lost(holding: Holding) -> None:
    holding.row.update(lease_token=uuid.uuid4(), lease_owner="successor", attempts=F("attempts") + 1)


def _time_is_over(holding: Holding) -> None:
    holding.row.update(lease_expires_at=timezone.now() - timedelta(seconds=1))


class TestEmailsRecord:
    def test_leaves_a_row_as_if_it_had_been_sent_alone(self) -> None:
        alone, together = _held(2)
        for holding in alone, together:
            holding.row.update(on_wire_at=timezone.now(), last_error="451", last_error_kind=FailureKind.TRANSIENT)
            holding.email.delivered_to = ["bob@example.org"]
            holding.email.refused = {"eve@example.org": "550 no eve"}
        delivery = Delivery(
            reply='250 "ok" é % \\ \u2028 👩',
            accepted=['"a b"@example.org', "é@example.org"],
            refused_for_good={"x@example.org": "550 'no' é"},
            took_ms=1250,
        )

        outcomes.delivered(alone, delivery)
        assert emails_record([(together, delivery)], []) == {together.email.pk}

        row_alone, row_together = _row(alone), _row(together)
        moments = {"sent_at", "ended_at", "updated_at"}
        its_own = {"id", "to", "message_id", "queued_at", "created_at", "on_wire_at"}
        assert {name for name in row_alone if row_alone[name] != row_together[name]} <= moments | its_own
        assert row_together["took_ms"] == 1250
        assert row_together["sent_at"] == row_together["ended_at"] == row_together["updated_at"]
        for moment in moments:
            assert abs(row_together[moment] - timezone.now()) < MINUTE

    def test_marks_a_row_as_if_it_started_alone(self, settings: Settings) -> None:
        settings.EMAIL_SENDING_LEASE_SECONDS = 600
        (holding,) = _held(1)
        before = _row(holding)
        settings.EMAIL_SENDING_LEASE_SECONDS = 1200

        assert emails_record([], [holding]) == {holding.email.pk}

        after = _row(holding)
        assert {name for name in after if after[name] != before[name]} <= {
            "on_wire_at",
            "lease_expires_at",
            "updated_at",
        }
        assert abs(after["on_wire_at"] - timezone.now()) < MINUTE
        assert abs(after["lease_expires_at"] - timezone.now() - timedelta(seconds=1200)) < MINUTE

    def test_does_both_with_one_statement(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        holdings = _held(40)
        emails_record([], holdings[:20])
        with django_assert_num_queries(1):
            known = emails_record([(holding, YES) for holding in holdings[:20]], holdings[20:])

        assert known == {holding.email.pk for holding in holdings}
        rows = Email.objects.order_by("pk").values_list("status", "smtp_reply", "delivered_to")
        assert list(rows[:20]) == [(EmailStatus.SENT, "250 taken", ["ada@example.org"])] * 20
        assert list(rows[20:]) == [(EmailStatus.SENDING, "", [])] * 20

    def test_does_nothing_for_nothing(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(0):
            assert emails_record([], []) == set()

    def test_touches_no_other_row(self) -> None:
        holdings = _held(4)
        sent, starting, *others = holdings
        before = [other.row.values().get() for other in others]
        emails_record([(sent, YES)], [starting])
        assert [other.row.values().get() for other in others] == before

    @pytest.mark.parametrize("lose", [_lease_is_lost, lambda holding: holding.row.delete()])
    def test_leaves_a_successors_row_alone_and_says_which(self, lose: Any) -> None:
        holdings = _held(4)
        emails_record([], holdings[:2])
        for holding in holdings[::2]:
            lose(holding)
        before = list(Email.objects.filter(pk__in=[holding.email.pk for holding in holdings[::2]]).values())

        known = emails_record([(holding, YES) for holding in holdings[:2]], holdings[2:])

        assert known == {holdings[1].email.pk, holdings[3].email.pk}
        assert list(Email.objects.filter(pk__in=[holding.email.pk for holding in holdings[::2]]).values()) == before

    def test_does_not_take_a_successors_record_for_its_own(self) -> None:
        """The successor has sent it again: that this one arrived too must be told."""
        (late,) = _held(1)
        _time_is_over(late)
        outcomes.lost(late.row.get())
        token = leases.lease_claim(late.row, owner="successor", seconds=60)
        assert token is not None
        outcomes.delivered(Holding(late.row.get(), token), YES)
        before = _rows()

        assert emails_record([(late, YES)], []) == set()
        assert _rows() == before

    def test_starts_nothing_whose_time_is_over(self) -> None:
        late, in_time = _held(2)
        _time_is_over(late)
        before = late.row.values().get()
        assert emails_record([], [late, in_time]) == {in_time.email.pk}
        assert late.row.values().get() == before

    def test_records_what_was_sent_though_its_time_is_over_as_long_as_nobody_took_it(self) -> None:
        (late,) = _held(1)
        emails_record([], [late])
        _time_is_over(late)
        assert emails_record([(late, YES)], []) == {late.email.pk}
        assert late.row.get().status == EmailStatus.SENT

    def test_says_and_does_the_same_when_it_is_repeated(self) -> None:
        """The connection was cut after the commit and before its answer."""
        holdings = _held(4)
        emails_record([], holdings[:2])
        sent, starting = [(holding, YES) for holding in holdings[:2]], holdings[2:]
        first = emails_record(sent, starting)
        columns = ["pk", "status", "attempts", "sent_at", "ended_at", "lease_token", "delivered_to"]
        before = list(Email.objects.order_by("pk").values(*columns))

        assert emails_record(sent, starting) == first == {holding.email.pk for holding in holdings}
        assert list(Email.objects.order_by("pk").values(*columns)) == before

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("times", [1, 2])
    def test_is_said_again_when_the_database_was_away(self, times: int) -> None:
        holdings = _held(2)
        with connection.execute_wrapper(DatabaseAway(times)):
            assert emails_record([], holdings) == {holding.email.pk for holding in holdings}

    @pytest.mark.django_db(transaction=True)
    def test_said_by_two_at_once_is_true_for_both(self) -> None:
        """A repeated one meets the first one, of which nothing was heard."""
        holdings = _held(10)
        emails_record([], holdings)
        sent = [(holding, YES) for holding in holdings]
        assert race(lambda _: len(emails_record(sent, [])), runners=3) == [10, 10, 10]
        assert Email.objects.filter(status=EmailStatus.SENT, attempts=1).count() == 10


def _deleted(holding: Holding) -> None:
    holding.row.delete()


def _as_it_was(_: Holding) -> None: ...


FATES = [_as_it_was, _time_is_over, _lease_is_lost, _deleted]
Step = tuple[bool, Callable[[Holding], None]]


class TestAnyGroup:
    @given(group=st.lists(st.tuples(st.booleans(), st.sampled_from(FATES)), min_size=1, max_size=12))
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_is_recorded_each_by_itself(self, db: None, group: list[Step]) -> None:
        """Whatever became of the others: sent or starting, still held, late, somebody else's, deleted."""
        Email.objects.all().delete()
        steps = list(zip(_held(len(group)), group, strict=True))
        emails_record([], [holding for holding, (is_sent, _) in steps if is_sent])
        for holding, (_, fate) in steps:
            fate(holding)
        expected = {
            holding.email.pk
            for holding, (is_sent, fate) in steps
            if fate is _as_it_was or (is_sent and fate is _time_is_over)
        }
        untouched = Email.objects.exclude(pk__in=expected).order_by("pk")
        before = list(untouched.values())

        known = emails_record(
            [(holding, YES) for holding, (is_sent, _) in steps if is_sent],
            [holding for holding, (is_sent, _) in steps if not is_sent],
        )

        assert known == expected
        assert list(untouched.values()) == before
        for holding, (is_sent, _) in steps:
            if holding.email.pk in expected:
                row = holding.row.get()
                assert (row.status == EmailStatus.SENT) == is_sent
                assert row.on_wire_at is not None
