import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from styleguide_example.common import leases
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for

pytestmark = pytest.mark.django_db

AGO = -timedelta(minutes=1)
AHEAD = timedelta(minutes=1)


def _row(**changes: Any) -> QuerySet[Email]:
    """A row that is due and free, unless ``changes`` say otherwise."""
    row = Email.objects.filter(pk=email_asked_for().pk)
    row.update(**{"next_attempt_at": timezone.now() + AGO, "woken_at": None, **changes})
    return row


def _held(row: QuerySet[Email], *, seconds: float = 60) -> uuid.UUID:
    token = leases.lease_claim(row, owner="worker", seconds=seconds)
    assert token is not None
    return token


def _columns(row: QuerySet[Email]) -> dict[str, Any]:
    return dict(row.values().get())


class TestLeaseClaim:
    def test_gives_a_token_and_notes_who_until_when_and_how_often(self) -> None:
        row = _row()
        token = leases.lease_claim(row, owner="worker", seconds=60, category="claimed")

        email = row.get()
        assert email.lease_token == token
        assert token is not None
        assert (email.lease_owner, email.attempts, email.category) == ("worker", 1, "claimed")
        assert email.lease_expires_at is not None
        assert timedelta(seconds=30) < email.lease_expires_at - timezone.now() <= timedelta(seconds=61)

    def test_gives_nothing_to_the_second(self) -> None:
        row = _row()
        _held(row)
        before = _columns(row)

        assert leases.lease_claim(row, owner="other", seconds=60) is None
        assert _columns(row) == before

    @pytest.mark.parametrize("due", [None, AHEAD])
    def test_gives_nothing_that_is_not_due(self, due: timedelta | None) -> None:
        row = _row(next_attempt_at=due and timezone.now() + due)
        before = _columns(row)

        assert leases.lease_claim(row, owner="worker", seconds=60) is None
        assert _columns(row) == before

    def test_gives_nothing_that_the_caller_did_not_ask_for(self) -> None:
        row = _row()
        assert leases.lease_claim(row.filter(status=Email.Status.READY), owner="worker", seconds=60) is None

    def test_does_not_take_a_lease_that_ran_out_which_is_the_sweeps_to_release(self) -> None:
        row = _row()
        _held(row, seconds=-1)
        assert leases.lease_claim(row, owner="other", seconds=60) is None

    def test_shortens_an_owner_that_has_no_room(self) -> None:
        row = _row()
        leases.lease_claim(row, owner="x" * 300, seconds=60)
        assert row.get().lease_owner == "x" * 255


class TestLeaseExtend:
    def test_holds_the_row_longer_and_records(self) -> None:
        row = _row()
        token = _held(row, seconds=5)

        assert leases.lease_extend(row, token=token, seconds=600, category="extended")

        email = row.get()
        assert email.lease_expires_at is not None
        assert email.lease_expires_at - timezone.now() > timedelta(seconds=500)
        assert (email.category, email.lease_token) == ("extended", token)

    def test_changes_nothing_with_a_token_that_is_not_the_rows(self) -> None:
        row = _row()
        _held(row)
        before = _columns(row)

        assert not leases.lease_extend(row, token=uuid.uuid4(), seconds=600, category="extended")
        assert _columns(row) == before

    def test_changes_nothing_once_the_time_ran_out(self) -> None:
        row = _row()
        token = _held(row, seconds=-1)
        before = _columns(row)

        assert not leases.lease_extend(row, token=token, seconds=600)
        assert _columns(row) == before


class TestLeaseRelease:
    def test_frees_the_row_and_records(self) -> None:
        row = _row()
        token = _held(row)

        assert leases.lease_release(row, token=token, category="done")

        email = row.get()
        assert (email.lease_token, email.lease_owner, email.lease_expires_at) == (None, "", None)
        assert (email.category, email.attempts) == ("done", 1)

    def test_changes_nothing_with_a_token_that_is_not_the_rows(self) -> None:
        row = _row()
        _held(row)
        before = _columns(row)

        assert not leases.lease_release(row, token=uuid.uuid4(), category="done")
        assert _columns(row) == before

    def test_does_nothing_a_second_time(self) -> None:
        row = _row()
        token = _held(row)
        leases.lease_release(row, token=token)

        assert not leases.lease_release(row, token=token, category="done")
        assert row.get().category == ""

    def test_still_records_for_a_holder_that_is_late_but_was_not_replaced(self) -> None:
        row = _row()
        token = _held(row, seconds=-1)
        assert leases.lease_release(row, token=token, category="late")


class TestLeasesExpired:
    def test_lists_only_the_rows_whose_time_ran_out(self) -> None:
        _row()
        _held(_row())
        dead = _row()
        _held(dead, seconds=-1)
        assert list(leases.leases_expired(Email.objects.all())) == [dead.get()]


class TestRowsToWake:
    @pytest.mark.parametrize(
        ("next_attempt", "woken", "listed"),
        [
            (AGO, None, True),
            (AGO, 3 * AGO, True),
            (AGO, timedelta(0), False),
            (AHEAD, None, False),
            (None, None, False),
        ],
    )
    def test_lists_what_is_due_and_was_not_woken_lately(
        self, next_attempt: timedelta | None, woken: timedelta | None, listed: object
    ) -> None:
        def moment(distance: timedelta | None) -> datetime | None:
            return None if distance is None else timezone.now() + distance

        row = _row(next_attempt_at=moment(next_attempt), woken_at=moment(woken))
        assert leases.rows_to_wake(row, again_after_seconds=120).exists() == listed

    def test_leaves_out_what_somebody_holds(self) -> None:
        row = _row()
        _held(row)
        assert not leases.rows_to_wake(row, again_after_seconds=0).exists()

    def test_leaves_the_order_to_the_caller(self) -> None:
        late, early = _row(), _row(next_attempt_at=timezone.now() + 2 * AGO)
        waking = leases.rows_to_wake(Email.objects.order_by("next_attempt_at"), again_after_seconds=0)
        assert list(waking) == [early.get(), late.get()]


class TestRowsWoken:
    def test_notes_it_for_these_rows_alone(self) -> None:
        row, other = _row(), _row()
        EmailFactory.create()

        leases.rows_woken(Email.objects.all(), ids=[row.get().pk])

        woken_at = row.get().woken_at
        assert woken_at is not None
        assert timezone.now() - woken_at < timedelta(seconds=30)
        assert other.get().woken_at is None
        assert not leases.rows_to_wake(row, again_after_seconds=30).exists()
