"""Failures of the last day, alike ones together."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from styleguide_example.emails.enums import FailureKind
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.tests.factories import job_ended_make
from styleguide_example.operations import failures
from styleguide_example.operations.failures import FailureGroup, Failures, Source, failures_recent
from styleguide_example.operations.tests.rows import attempt_at, email_failed_at
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.tests.workers import run_make
from styleguide_example.tasks.timing import Cron
from styleguide_example.users.tests.factories import user_staff

pytestmark = pytest.mark.django_db


def _read(*sources: Source) -> list[FailureGroup]:
    return [*failures_recent(sources or [*Source], now=timezone.now()).groups]


def _one_of_each() -> None:
    now = timezone.now()
    attempt_at(now)
    job_ended_make(JobState.FAILURE, kind="export", error_message="Row 7 cannot be read.")
    ended: dict[str, Any] = {"state": RunState.FAILURE, "error": "It broke.", "finished_at": now}
    run_make(schedule_make("Hourly", Cron("0 * * * *")), **ended)


class TestFailuresRecent:
    def test_brings_together_what_differs_in_addresses_and_numbers_alone(self) -> None:
        now = timezone.now()
        for number in (1, 2, 3):
            error = f"550 5.1.1 <person{number}@example.com>: no such user ({number * 1000})"
            moment = now - timedelta(hours=number)
            last = attempt_at(moment, kind=FailureKind.PERMANENT, phase="envelope", smtp_code=550, error=error)
        attempt_at(now, error="Connection refused")
        common, rare = _read()
        assert (common.count, rare.count) == (3, 1)
        assert (common.kind, common.detail) == ("permanent", "envelope 550")
        assert common.shape == "[n] 5.1.1 [address]: no such user ([n])"
        assert (common.first_at, common.last_at) == (last.ended_at, now - timedelta(hours=1))
        assert common.sample != str(last.email_id)

    def test_keeps_apart_what_failed_in_another_phase_or_with_another_code(self) -> None:
        for fields in ({}, {"phase": "data"}, {"smtp_code": 451}, {"kind": FailureKind.UNKNOWN_OUTCOME}):
            attempt_at(timezone.now(), **fields)
        assert len(_read()) == 4

    def test_links_to_a_sample_of_each_source(self, client: Client) -> None:
        _one_of_each()
        client.force_login(user_staff(is_superuser=True))
        groups = _read()
        assert {group.source for group in groups} == {*Source}
        assert [client.get(group.sample_url).status_code for group in groups] == [200, 200, 200]

    def test_reads_the_sources_that_it_was_asked_for(self) -> None:
        _one_of_each()
        assert [group.kind for group in _read(Source.JOB)] == ["export"]

    def test_knows_e_mails_that_failed_before_any_attempt_and_counts_no_attempt_twice(self) -> None:
        now = timezone.now()
        email_failed_at(now, last_error="Expired before it could be sent.", last_error_kind=FailureKind.PERMANENT)
        attempt_at(now, email=email_failed_at(now, last_error="Refused."), error="Refused.")
        assert sorted((group.shape, group.count) for group in _read()) == [
            ("Expired before it could be sent.", 1),
            ("Refused.", 1),
        ]

    def test_leaves_out_what_is_older_than_a_day(self) -> None:
        attempt_at(timezone.now() - timedelta(hours=25))
        job_ended_make(JobState.FAILURE, days_ago=1.1)
        assert _read() == []

    def test_counts_all_of_them_however_few_texts_are_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(failures, "TEXTS_MAX", 4)
        now = timezone.now()
        attempt_at(now - timedelta(hours=9), kind=FailureKind.BUG, error="A rare one")
        for number in range(9):
            attempt_at(now - timedelta(minutes=number), smtp_code=450, error=f"450 <u{number}@example.com> is full")
        attempt_at(now, smtp_code=450, error="450 is greylisted")
        found = failures_recent([Source.EMAIL], now=now)
        assert sorted(total.count for total in found.totals) == [1, 10]
        assert [(group.shape, group.count, group.is_share) for group in found.groups] == [
            ("[n] [address] is full", 8, True),
            ("[n] is greylisted", 2, True),
            ("", 1, True),
        ]
        assert (found.groups[-1].kind, found.groups[-1].read) == ("bug", 0)

    def test_asks_one_query_and_none_for_nobody(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        _one_of_each()
        with django_assert_num_queries(1):
            _read()
        with django_assert_num_queries(0):
            assert failures_recent([], now=timezone.now()) == Failures([], [])
