import uuid

import pytest
from django.db.models import QuerySet

from styleguide_example.common import leases
from styleguide_example.common.tests.racing import race
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_asked_for

pytestmark = pytest.mark.django_db(transaction=True)


def _row() -> QuerySet[Email]:
    return Email.objects.filter(pk=email_asked_for().pk)


class TestLeasesAtOnce:
    def test_are_given_to_one_of_eight(self) -> None:
        row = _row()

        tokens = race(lambda number: leases.lease_claim(row, owner=str(number), seconds=60), runners=8)

        (token,) = [token for token in tokens if token]
        email = row.get()
        assert (email.lease_token, email.attempts) == (token, 1)
        assert email.lease_owner == str(tokens.index(token))

    def test_are_given_once_for_each_of_many_rows(self) -> None:
        rows = [_row() for _ in range(10)]

        def claim_all(number: int) -> list[uuid.UUID | None]:
            return [leases.lease_claim(row, owner=str(number), seconds=60) for row in rows]

        claims = race(claim_all, runners=4)

        assert [sum(token is not None for token in of_row) for of_row in zip(*claims, strict=True)] == [1] * 10
        assert set(Email.objects.values_list("attempts", flat=True)) == {1}

    def test_are_released_once(self) -> None:
        row = _row()
        token = leases.lease_claim(row, owner="worker", seconds=60)
        assert token is not None

        released = race(lambda number: leases.lease_release(row, token=token, category=str(number)), runners=4)

        assert sorted(released) == [False, False, False, True]
        assert row.get().category == str(released.index(True))
