"""``manage.py jobs``."""

import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from kombu import Queue
from pytest_django import Settings

from styleguide_example.jobs.enums import JobState, Scope
from styleguide_example.jobs.management.commands.jobs import Command
from styleguide_example.jobs.models import ControlEntry, Job, Pause
from styleguide_example.jobs.tests.factories import JobFactory, job_running_make, kind_known
from styleguide_example.users.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kind(settings: Settings) -> Iterator[None]:
    settings.CELERY_TASK_DEFAULT_QUEUE = "celery"
    settings.CELERY_TASK_QUEUES = [Queue("slow")]
    with kind_known("count"):
        yield


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """Somebody at a terminal; what is written into it is what they type."""
    typed = StringIO()
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)
    return typed


def _run(*words: str) -> list[str]:
    output = StringIO()
    call_command("jobs", *words, stdout=output, no_color=True)
    return output.getvalue().splitlines()


def _type(terminal: StringIO, text: str) -> None:
    terminal.write(f"{text}\n")
    terminal.seek(0)


class TestPause:
    def test_says_what_it_did(self) -> None:
        JobFactory.create()
        assert _run("pause", "--kind", "count", "--reason", "It floods") == [
            "Kind count is paused; 1 job waiting behind it."
        ]
        assert Pause.objects.get().reason == "It floods"
        assert ControlEntry.objects.get().reason == "It floods"

    def test_takes_a_queue(self) -> None:
        assert _run("pause", "--queue", "slow") == ["Queue slow is paused; 0 jobs waiting behind it."]

    @pytest.mark.parametrize("word", ["pause", "resume", "purge"])
    def test_names_what_there_is_where_the_name_is_wrong(self, word: str, terminal: StringIO) -> None:
        _type(terminal, "yes")
        with pytest.raises(CommandError, match=r"No queue is called 'slwo'. There are celery, slow."):
            _run(word, "--queue", "slwo")

    @pytest.mark.parametrize(
        "words",
        [
            [],
            ["explode"],
            ["pause"],
            ["pause", "--kind"],
            ["pause", "--kind", "count", "--queue", "slow"],
            ["pause", "--kind", ""],
            ["pause", "--kind", "count", "--yes"],
        ],
    )
    def test_refuses_half_a_command(self, words: list[str]) -> None:
        with pytest.raises(CommandError):
            _run(*words)
        assert not Pause.objects.exists()


class TestResume:
    def test_says_what_it_did(self) -> None:
        _run("pause", "--kind", "count")
        JobFactory.create(), JobFactory.create()
        assert _run("resume", "--kind", "count") == ["Kind count goes on; 2 jobs were waiting."]
        assert not Pause.objects.exists()

    def test_counts_one_in_the_singular(self) -> None:
        _run("pause", "--kind", "count")
        JobFactory.create()
        assert _run("resume", "--kind", "count") == ["Kind count goes on; 1 job was waiting."]

    def test_says_so_where_nothing_was_paused(self) -> None:
        JobFactory.create()
        assert _run("resume", "--kind", "count") == ["Kind count was not paused."]
        assert not ControlEntry.objects.exists()


class TestPurge:
    def test_shows_the_count_and_asks(self, terminal: StringIO, capsys: pytest.CaptureFixture[str]) -> None:
        JobFactory.create(), JobFactory.create(), job_running_make()
        _type(terminal, "yes")
        assert _run("purge", "--kind", "count", "--reason", "By mistake") == [
            "2 jobs of kind count waiting: a purge ends them for good.",
            "Kind count was purged; 2 jobs ended.",
        ]
        assert "Type 'yes' to go on" in capsys.readouterr().out
        assert ControlEntry.objects.get().reason == "By mistake"

    @pytest.mark.parametrize("answer", ["", "y", "no", "YES "])
    def test_does_nothing_for_any_other_answer(self, terminal: StringIO, answer: str) -> None:
        JobFactory.create()
        _type(terminal, answer)
        with pytest.raises(CommandError, match="Nothing was changed"):
            _run("purge", "--kind", "count")
        assert Job.objects.get().state == JobState.PENDING

    def test_refuses_where_nobody_can_be_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", StringIO("yes\n"))
        JobFactory.create()
        with pytest.raises(CommandError, match="add --yes"):
            _run("purge", "--kind", "count")
        assert Job.objects.get().state == JobState.PENDING

    def test_does_not_ask_a_script(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", StringIO())
        JobFactory.create()
        assert _run("purge", "--kind", "count", "--yes") == ["Kind count was purged; 1 job ended."]
        assert Job.objects.get().state == JobState.REVOKED


class TestStatus:
    def test_shows_queues_and_kinds_with_what_waits_runs_and_is_paused(self) -> None:
        JobFactory.create(), JobFactory.create(queue="slow"), job_running_make()
        ada = UserFactory.create(email="ada@example.com")
        Pause.objects.create(scope=Scope.QUEUE, name="slow", reason="Full", paused_by=ada, paused_at=timezone.now())
        lines = _run("status")
        assert lines[0] == "Queue   waiting  running"
        assert lines[1] == "celery        1        1"
        assert lines[2].startswith("slow          1        0  paused since 20")
        assert lines[2].endswith(" UTC by ada@example.com: Full")
        assert [line.split() for line in lines if line.startswith("count ")] == [["count", "2", "1"]]


class TestHelp:
    def test_shows_examples_and_exit_codes(self) -> None:
        text = Command().create_parser("manage.py", "jobs").format_help()
        assert 'manage.py jobs pause --kind announcement-send --reason "The text is wrong"' in text
        assert "exit codes: 0 done" in text
