import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django import Settings


def _messages(id_: str) -> list[CheckMessage]:
    return [message for message in run_checks() if message.id == id_]


class TestCelerySettingsAreRead:
    def test_is_content_with_ours(self) -> None:
        assert _messages("tasks.E001") == []

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("CELERY_TASK_ACK_LATE", "Did you mean CELERY_TASK_ACKS_LATE?"),
            ("CELERY_TASK_MAX_RETRIES", "Did you mean CELERY_TASK_"),
            ("CELERY_BROKER_BACKEND", "Did you mean CELERY_"),
        ],
    )
    def test_refuses_one_that_nobody_reads_and_names_the_nearest(
        self, settings: Settings, name: str, hint: str
    ) -> None:
        setattr(settings, name, True)
        (message,) = _messages("tasks.E001")
        assert message.msg == f"{name} is not a setting that Celery reads."
        assert message.hint is not None
        assert message.hint.startswith(hint)


class TestTimeLimitsFitIntoTheLease:
    def test_is_content_with_ours(self) -> None:
        assert _messages("tasks.E002") == []

    @pytest.mark.parametrize(
        ("soft", "hard", "lease"), [(60, 60, 120), (75, 60, 120), (60, 120, 120), (60, 130, 120), (60, 75, 60)]
    )
    def test_refuses_a_lease_that_a_living_worker_could_lose(
        self, settings: Settings, soft: int, hard: int, lease: int
    ) -> None:
        settings.CELERY_TASK_SOFT_TIME_LIMIT = soft
        settings.CELERY_TASK_TIME_LIMIT = hard
        settings.EMAIL_SENDING_LEASE_SECONDS = lease
        (message,) = _messages("tasks.E002")
        assert f"soft {soft} s, hard {hard} s, lease {lease} s" in message.msg


class TestBeatHasOneSource:
    def test_is_content_without_the_setting(self) -> None:
        assert _messages("tasks.E003") == []

    def test_refuses_entries_that_nobody_would_apply(self, settings: Settings) -> None:
        settings.CELERY_BEAT_SCHEDULE = {"x": {"task": "x", "schedule": 1}}
        (error,) = _messages("tasks.E003")
        assert "timetable.py" in (error.hint or "")
