from collections.abc import Iterator

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from styleguide_example.common import persistence
from styleguide_example.common.models import RateLimit
from styleguide_example.common.persistence import persistent

pytestmark = pytest.mark.django_db(transaction=True)

AWAY = OperationalError("server closed the connection unexpectedly")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "PAUSES_SECONDS", (0.0, 0.0, 0.0))


class TestPersistent:
    def _write(self, *outcomes: Exception | None) -> tuple[int, str | None]:
        """Write with these outcomes, one after the other. Returns how many were needed, and the error if one rose."""
        left: Iterator[Exception | None] = iter(outcomes)
        calls = 0

        @persistent
        def write() -> None:
            nonlocal calls
            calls += 1
            outcome = next(left)
            if outcome is not None:
                raise outcome
            RateLimit.objects.create(key="x", window_started_at="2026-01-01T00:00Z")

        try:
            write()
        except Exception as error:  # noqa: BLE001  whatever it was, it is what the test asks for
            return calls, type(error).__name__
        return calls, None

    def test_writes_once_when_all_is_well(self) -> None:
        assert self._write(None) == (1, None)
        assert RateLimit.objects.count() == 1

    @pytest.mark.parametrize("error", [AWAY, InterfaceError("connection already closed")])
    def test_writes_again_on_a_new_connection(self, error: Exception) -> None:
        connection.ensure_connection()
        former = connection.connection
        assert self._write(error, error, None) == (3, None)
        assert RateLimit.objects.count() == 1
        assert connection.connection is not former

    def test_gives_up_in_the_end(self) -> None:
        assert self._write(*[AWAY] * 10) == (4, "OperationalError")

    def test_does_not_repeat_what_cannot_help(self) -> None:
        assert self._write(IntegrityError("duplicate key"), None) == (1, "IntegrityError")

    def test_does_not_repeat_the_half_of_a_transaction(self) -> None:
        with transaction.atomic():
            assert self._write(AWAY, None) == (1, "OperationalError")
