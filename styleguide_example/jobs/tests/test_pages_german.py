"""The pages of jobs in German: the words, and the form of numbers and dates."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from styleguide_example.jobs.amounts import duration_words, left_words, pace_words
from styleguide_example.jobs.ending import CANCELLED, job_end
from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.purging import PURGED
from styleguide_example.jobs.sweeping import EXPIRED, WORKER_LOST
from styleguide_example.jobs.tests.factories import JobFactory, job_ended_make, job_running_make
from styleguide_example.jobs.words import job_shown, result_rows
from styleguide_example.notifications.models import Notification
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(client: Client) -> User:
    """Somebody who reads German and is signed in."""
    user = user_onboarded(language="de", time_zone="Europe/Berlin")
    client.force_login(user)
    return user


def _text(client: Client, path: str) -> str:
    page = html.document_fromstring(client.get(path).content.decode())
    return " ".join(page.find(".//main").text_content().split())


class TestJobWords:
    def test_are_in_the_language_of_who_reads(self) -> None:
        with translation.override("de"):
            assert pace_words(1234.5) == "1.234 pro Sekunde"
            assert pace_words(2.54) == "2,5 pro Sekunde"
            assert left_words(61) == "noch etwa 2 Minuten"
            assert duration_words(timedelta(days=1, hours=2)) == "1 Tag 2 Stunden"
            assert result_rows({"count": 12345, "is_new": True}) == [("Count", "12.345"), ("Is new", "ja")]

    def test_sum_a_job_up_for_a_screen_reader(self) -> None:
        job = Job(state=JobState.PROGRESS, progress_current=1500, progress_total=3000)
        with translation.override("de"):
            assert (job_shown(job).summary, job_shown(job).count) == ("Läuft, 50 Prozent", "1.500 von 3.000")

    def test_translate_each_sentence_that_we_write_into_rows(self) -> None:
        for ending in (CANCELLED, PURGED, EXPIRED, WORKER_LOST):
            with translation.override("de"):
                assert Job(error_message=ending.message).error_text not in ("", ending.message)
        assert Job(error_message="Zeile 7 fehlt.").error_text == "Zeile 7 fehlt."
        assert Job().error_text == ""

    def test_count_what_failed_of_a_batch(self) -> None:
        batch = Job(
            is_batch=True,
            error_code=ErrorCode.PARTIAL_FAILURE,
            error_message="1,200 of 3,000 parts failed.",
            children_failed=1200,
            children_total=3000,
        )
        assert batch.error_text == batch.error_message
        with translation.override("de"):
            assert batch.error_text == "1.200 von 3.000 Teilen sind fehlgeschlagen."


class TestJobPagesInGerman:
    def test_show_the_list_with_dates_as_they_are_written_there(self, client: Client, person: User) -> None:
        long_ago = datetime(2024, 3, 5, 13, 5, tzinfo=UTC)
        job_ended_make(JobState.FAILURE, owner=person)
        Job.objects.update(created_at=long_ago, started_at=long_ago, finished_at=long_ago)

        text = _text(client, "/jobs/")

        assert "✕ Fehlgeschlagen beendet 5. März 2024, 14:05" in text
        assert "Wartend und laufend" in text

    def test_show_a_job_with_what_happened(self, client: Client, person: User) -> None:
        job = job_running_make(
            owner=person,
            state=JobState.PROGRESS,
            progress_current=12345,
            progress_total=48000,
            started_at=timezone.now() + timedelta(seconds=90),
        )

        page = client.get(f"/jobs/{job.pk}/").content.decode()

        assert "12.345 von 48.000" in page
        assert "Wartezeit: 1 Minute" in page
        assert "Keine Antwort vom Server." in page
        # What a program reads has no separators.
        assert 'data-current="12345"' in page
        assert 'max="48000" value="12345"' in page

    def test_cost_no_query_more_than_the_english_ones(self, client: Client, person: User) -> None:
        job_running_make(owner=person)
        client.get("/jobs/")
        counts = []
        for language in ("de", "en"):
            User.objects.update(language=language)
            with CaptureQueriesContext(connection) as queries:
                client.get("/jobs/")
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestWhatTheOwnerIsTold:
    def test_is_in_their_language_whatever_the_worker_speaks(self, person: User) -> None:
        job = JobFactory.create(owner=person, kind="announcement-send", parameters={"announcement_id": 1})

        job_end(job.pk, when=Q(lease_token=None), ending=EXPIRED)

        told = Notification.objects.get()
        assert told.title == "Ankündigung versenden: abgebrochen"
        assert told.text == "Er wurde nicht rechtzeitig begonnen."
