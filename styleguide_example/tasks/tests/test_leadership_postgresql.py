"""A leader that is paused inside a transaction holds the row on which the next one waits."""

import time

import pytest
from django.db import DatabaseError, connection, transaction

from styleguide_example.common.tests.racing import meanwhile
from styleguide_example.tasks.celery import idle_transaction_limit
from styleguide_example.tasks.leadership import LEASE_SECONDS, Leadership
from styleguide_example.tasks.models import BeatLeader

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer, and no limit for it"),
]


class TestIdleTransactionLimit:
    def test_is_shorter_than_a_takeover(self) -> None:
        idle_transaction_limit(connection)
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT setting::int FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'"
                )
                (milliseconds,) = cursor.fetchone()
        finally:
            connection.close()
        assert 0 < milliseconds <= LEASE_SECONDS * 1000

    def test_ends_the_transaction_of_a_paused_leader(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("styleguide_example.tasks.celery.IDLE_TRANSACTION_LIMIT", "300ms")
        idle_transaction_limit(connection)
        paused = Leadership(seconds=0.1)
        assert paused.take()
        with pytest.raises(DatabaseError), transaction.atomic():
            _pause_inside(paused)
        connection.close()
        assert BeatLeader.objects.get().lease_token is not None
        assert not paused.keep()


def _pause_inside(paused: Leadership) -> None:
    """Another beat takes over although the row was locked when this one stopped."""
    assert paused.keep()
    time.sleep(0.2)  # the lease is over
    with meanwhile(Leadership().take) as taking:
        assert taking.result(timeout=5)
    assert paused.keep()
