"""``GET /metrics``, as Prometheus asks."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.jobs.enums import JobState, Scope
from styleguide_example.jobs.services import job_pause
from styleguide_example.jobs.tests.factories import JobFactory, job_ended_make
from styleguide_example.operations import failures
from styleguide_example.operations.tests.rows import (
    attempt_at,
    beat_leading,
    email_due,
    email_sent_at,
    worker_seen,
)
from styleguide_example.users.tests.factories import user_staff

pytestmark = pytest.mark.django_db

TOKEN = "0123456789abcdef0123456789abcdef"
SENT = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def token(settings: Settings) -> str:
    """What whoever may read them has to send."""
    settings.METRICS_TOKEN = TOKEN
    return TOKEN


def _figures(client: Client) -> dict[tuple[str, ...], float]:
    """Each sample by its name, without the prefix, and the values of its labels."""
    text = client.get("/metrics", headers=SENT).content.decode()
    return {
        (sample.name.removeprefix("styleguide_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class TestAccess:
    def test_is_not_there_without_a_token_in_the_settings(self, client: Client, settings: Settings) -> None:
        settings.METRICS_TOKEN = ""
        client.force_login(user_staff(is_superuser=True))
        assert client.get("/metrics").status_code == 404
        assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404

    @pytest.mark.usefixtures("token")
    @pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"])
    def test_refuses_whoever_sends_another(self, client: Client, sent: str) -> None:
        response = client.get("/metrics", headers={"Authorization": sent})
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert TOKEN not in response.content.decode()

    @pytest.mark.usefixtures("token")
    def test_answers_in_the_format_that_was_asked_for(self, client: Client) -> None:
        plain = client.get("/metrics", headers=SENT)
        assert plain.headers["Content-Type"].startswith("text/plain")
        accept = {**SENT, "Accept": "application/openmetrics-text; version=1.0.0"}
        openmetrics = client.get("/metrics", headers=accept)
        assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
        assert openmetrics.content.endswith(b"# EOF\n")


@pytest.mark.usefixtures("token")
class TestFigures:
    def test_are_those_of_the_rows(self, client: Client) -> None:
        now = timezone.now()
        email_sent_at(now, seconds=2)
        email_due(seconds=90, priority=7)
        attempt_at(now, error="451 later")
        job_ended_make(JobState.FAILURE)
        suppression_add(address="gone@example.com", reason=SuppressionReason.BOUNCED)
        worker_seen(active=[{"task": "emails.tasks.email_send", "id": "1"}])
        worker_seen("celery@host-2", seconds_ago=100)
        beat_leading()
        figures = _figures(client)
        expected = {
            ("emails_recent", "sent", "hour"): 1,
            ("emails_recent", "retried", "day"): 1,
            ("email_commit_to_sent_seconds", "0.95", "hour"): 2,
            ("emails_due", "7"): 1,
            ("emails_due", "5"): 0,
            ("failures_recent", "transient", "e-mail"): 1,
            ("failures_recent", "failed", "job"): 1,
            ("failure_groups_recent", "schedule"): 0,
            ("workers", "alive"): 1,
            ("workers", "silent"): 1,
            ("worker_slots",): 2,
            ("worker_tasks_active",): 1,
            ("beat_leads",): 1,
            ("suppressed_addresses", "bounced"): 1,
            ("schedules_overdue",): 0,
            ("due_too_old_seconds",): 60,
        }
        assert {key: figures[key] for key in expected} == expected
        assert 90 <= figures["emails_due_oldest_age_seconds", "7"] < 120
        assert figures["emails_due_stuck_age_seconds", "7"] == figures["emails_due_oldest_age_seconds", "7"]

    def test_say_that_nothing_is_stuck_where_a_backlog_goes_out_or_is_paused(
        self, client: Client, settings: Settings
    ) -> None:
        email_due(seconds=90)
        email_sent_at(timezone.now())
        JobFactory.create(queue="", next_attempt_at=timezone.now() - timedelta(seconds=90))
        job_pause(scope=Scope.QUEUE, name="")
        figures, queue = _figures(client), settings.CELERY_TASK_DEFAULT_QUEUE
        assert figures["emails_due_stuck_age_seconds", "5"] == 0
        assert (figures["jobs_due_oldest_age_seconds", queue], figures["jobs_due_paused", queue]) == (0, 1)

    def test_count_failures_whose_texts_nobody_read(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(failures, "TEXTS_MAX", 1)
        for number in range(3):
            attempt_at(timezone.now(), error=f"450 <u{number}@example.com> is full")
        assert _figures(client)["failures_recent", "transient", "e-mail"] == 3

    def test_have_a_few_values_for_each_label_whatever_a_row_says(self, client: Client) -> None:
        job_ended_make(JobState.FAILURE, error_code="ada@example.com", error_message="grace@example.com")
        text = client.get("/metrics", headers=SENT).content.decode()
        assert "example.com" not in text
        assert 'styleguide_failures_recent{kind="other",source="job"} 1.0' in text

    def test_ask_at_most_twelve_queries(
        self, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        email_sent_at(timezone.now())
        with django_assert_max_num_queries(6):
            assert client.get("/metrics", headers=SENT).status_code == 200
