from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.common.models import RateLimit
from styleguide_example.common.rate_limits import rate_limit_hit
from styleguide_example.users.tasks import session_cleanup

pytestmark = pytest.mark.django_db


def _session(*, seconds: int) -> str:
    session = SessionStore()
    session.set_expiry(seconds)
    session.create()
    return str(session.session_key)


class TestSessionCleanup:
    def test_deletes_sessions_that_have_expired_and_keeps_the_others(self) -> None:
        _session(seconds=-10)
        kept = _session(seconds=3600)

        session_cleanup()

        assert list(Session.objects.values_list("session_key", flat=True)) == [kept]

    def test_deletes_windows_that_are_over_and_logs_their_number_alone(self, settings: Settings) -> None:
        rate_limit_hit(scope="test", subject="ada@example.com", limit=3)
        later = timezone.now() + timedelta(seconds=settings.RATE_LIMIT_WINDOW_SECONDS)

        with time_machine.travel(later), capture_logs() as lines:
            rate_limit_hit(scope="test", subject="ada@example.com", limit=3)
            session_cleanup()

        assert RateLimit.objects.count() == 1
        assert lines == [{"event": "session_cleanup_done", "rate_limits_deleted": 1, "log_level": "info"}]

    def test_is_harmless_twice(self) -> None:
        _session(seconds=-10)

        session_cleanup()
        session_cleanup()

        assert not Session.objects.exists()

    def test_is_a_task_whose_result_nobody_keeps(self) -> None:
        assert session_cleanup.name == "styleguide_example.users.tasks.session_cleanup"
        assert session_cleanup.app.conf.task_ignore_result
