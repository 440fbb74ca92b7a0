"""A leader that is paused inside a transaction holds the row on which the next one waits."""

import pytest
from django.db import DatabaseError, connection, transaction

from styleguide_example.common.tests.racing import meanwhile
from styleguide_example.tasks.celery import idle_transaction_limit
from styleguide_example.tasks.leadership import LEASE_SECONDS, Leadership
from styleguide_example.tasks.models import BeatLeader
from styleguide_example.tasks.tests.beats import in_an_hour

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
        paused = Leadership()
        assert paused.take()
        monkeypatch.setattr("styleguide_example.tasks.leadership.Now", in_an_hour)
        with pytest.raises(DatabaseError), transaction.atomic():
            _pause_inside(paused)
        connection.close()
        assert BeatLeader.objects.get().lease_token is not None
        assert not paused.keep()


def _pause_inside(paused: Leadership) -> None:
    """Another beat takes over although the row was locked when this one stopped."""
    assert paused.keep()
    idle_transaction_limit(connection)  # not before, because on a busy machine also who is not paused is idle for long
    with meanwhile(_take) as taking:
        assert taking.result(timeout=20)
    assert paused.keep()


def _take() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '30s'")  # without the limit each would wait for the other for ever
    return Leadership().take()
