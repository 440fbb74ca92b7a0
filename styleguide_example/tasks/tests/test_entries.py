from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.emails.tasks import email_send, email_sweep
from styleguide_example.tasks.entries import Entry, signature_check
from styleguide_example.tasks.enums import MissedRuns, Overlap
from styleguide_example.tasks.tests.bodies import task_registered
from styleguide_example.tasks.tests.factories import entry_make
from styleguide_example.tasks.timing import Cron, Every, Once


def _report_send(self: WakeUpTask, *, report_id: int, language: str = "en") -> None: ...


@pytest.fixture
def report_send() -> Iterator[WakeUpTask]:
    with task_registered(_report_send, bind=True, schedulable=True) as task:
        yield task


class TestEntry:
    def test_has_policies_that_surprise_nobody(self) -> None:
        entry = Entry(name="x", task=email_sweep, when=Cron("30 3 * * *"), in_words="At 03:30 UTC")
        assert (entry.enabled, entry.overlap, entry.missed_runs) == (True, Overlap.ALLOW, MissedRuns.RUN_ONCE)
        assert (entry.jitter_seconds, entry.grace_seconds, entry.expires_seconds) == (0, None, None)
        assert (entry.priority, entry.queue, dict(entry.kwargs), entry.formerly) == (None, None, {}, ())

    def test_is_described_in_words_and_with_a_link(self) -> None:
        entry = entry_make(when=Cron("30 3 * * *"), in_words="At 03:30 UTC")
        assert entry.description == "At 03:30 UTC. https://crontab.guru/#30_3_*_*_*"

    @pytest.mark.parametrize(
        "when",
        [
            Every(timedelta(seconds=10)),
            Once(datetime(2026, 1, 1, tzinfo=UTC)),
            Cron("0 0 13 * fri"),  # the page would explain it otherwise
        ],
        ids=str,
    )
    def test_is_described_in_words_alone_where_there_is_no_link(self, when: Any) -> None:
        assert entry_make(when=when, in_words="Now and then").description == "Now and then."

    def test_takes_arguments_that_fit_the_tasks_signature(self, report_send: WakeUpTask) -> None:
        entry = entry_make(task=report_send, kwargs={"report_id": 7, "language": "fr"})
        assert entry.kwargs == {"report_id": 7, "language": "fr"}

    @pytest.mark.parametrize(
        ("kwargs", "reason"),
        [
            ({}, "missing 1 required keyword-only argument: 'report_id'"),
            ({"language": "fr"}, "missing 1 required keyword-only argument: 'report_id'"),
            ({"report_id": 7, "color": "red"}, "got an unexpected keyword argument 'color'"),
        ],
    )
    def test_refuses_arguments_that_do_not(self, report_send: WakeUpTask, kwargs: dict[str, Any], reason: str) -> None:
        with pytest.raises(ValueError, match=rf"^'Reports': tests\._report_send cannot be called so: .*{reason}\.$"):
            entry_make("Reports", task=report_send, kwargs=kwargs)

    @pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), {1, 2}, object()])
    def test_refuses_arguments_that_no_message_can_carry(self, report_send: WakeUpTask, value: object) -> None:
        with pytest.raises(ValueError, match=r"^'Reports': .* JSON"):
            entry_make("Reports", task=report_send, kwargs={"report_id": value})

    def test_refuses_a_task_that_is_not_meant_to_be_scheduled(self) -> None:
        with pytest.raises(
            ValueError, match=rf"^'Sending': {email_send.name} is not declared with schedulable=True\.$"
        ):
            entry_make("Sending", task=email_send, kwargs={"email_id": 1})

    @pytest.mark.parametrize("changes", [{"jitter_seconds": -1}, {"grace_seconds": -1}])
    def test_refuses_negative_seconds(self, changes: dict[str, int]) -> None:
        with pytest.raises(ValueError, match=rf"^'Sweep': {next(iter(changes))} is not negative\.$"):
            entry_make(**changes)

    @pytest.mark.parametrize("seconds", [0, -1])
    def test_refuses_a_run_that_could_never_start(self, seconds: int) -> None:
        expected = r"^'Sweep': expires_seconds is at least 1: a run that expires at once can never run\.$"
        with pytest.raises(ValueError, match=expected):
            entry_make(expires_seconds=seconds)

    def test_refuses_a_grace_that_nothing_asks_for(self) -> None:
        with pytest.raises(ValueError, match=r"^'Sweep': grace_seconds says how late .*; here it is not\.$"):
            entry_make(missed_runs=MissedRuns.SKIP, grace_seconds=60)

    def test_takes_a_grace_of_no_time(self) -> None:
        assert entry_make(grace_seconds=0).grace_seconds == 0

    def test_does_not_change(self) -> None:
        with pytest.raises(AttributeError):
            entry_make().name = "Other"  # type: ignore[misc]


class TestSignatureCheck:
    def test_is_content_with_what_the_task_can_be_called_with(self, report_send: WakeUpTask) -> None:
        signature_check(report_send, {"report_id": 7})

    def test_refuses_what_the_task_cannot_be_called_with(self, report_send: WakeUpTask) -> None:
        with pytest.raises(TypeError, match="report_id"):
            signature_check(report_send, {})
