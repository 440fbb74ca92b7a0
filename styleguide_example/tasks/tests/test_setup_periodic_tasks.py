import builtins
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import PeriodicTask

from styleguide_example.tasks.management.commands import setup_periodic_tasks
from styleguide_example.tasks.models import TimetableEntry
from styleguide_example.tasks.tests.factories import by_hand, entry_make, rows_read

pytestmark = pytest.mark.django_db

TIMETABLE = [entry_make("First thing"), entry_make("Second thing", priority=5), entry_make("Third thing")]
UNCHANGED = "Schedules: 0 created, 0 changed, 0 disabled, 0 deleted, 3 unchanged."


@pytest.fixture(autouse=True)
def _timetable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_periodic_tasks, "TIMETABLE", TIMETABLE)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What the person at the terminal types."""
    return lambda text: monkeypatch.setattr(builtins, "input", lambda _prompt: text)


COUNTS_OF_A_CONFLICT = "0 created, 1 changed, 0 disabled, 1 deleted, 1 unchanged"
COUNTS_OF_A_DRY_RUN = "1 created, 1 changed, 0 disabled, 1 deleted, 1 unchanged"


def _run(*options: str, verbosity: int = 1, **more: Any) -> list[str]:
    """Run the command and return the lines that it printed."""
    output = StringIO()
    call_command("setup_periodic_tasks", *options, stdout=output, verbosity=verbosity, **{"no_color": True, **more})
    return output.getvalue().splitlines()


def _exits_with_1(*options: str) -> bool:
    try:
        _run("--check", *options)
    except SystemExit as exit_:
        return exit_.code == 1
    return False


def _edit(name: str, **columns: Any) -> None:
    PeriodicTask.objects.filter(name=name).update(**columns)


class TestSetupPeriodicTasks:
    def test_writes_the_timetable_and_prints_a_line_for_each(self) -> None:
        assert _run() == [
            "  created   First thing",
            "  created   Second thing",
            "  created   Third thing",
            "Schedules: 3 created, 0 changed, 0 disabled, 0 deleted, 0 unchanged.",
        ]
        assert {row.name for row in PeriodicTask.objects.all()} == {entry.name for entry in TIMETABLE}

    def test_prints_the_count_alone_when_nothing_changed(self) -> None:
        _run()
        assert _run() == [UNCHANGED]

    def test_prints_the_unchanged_too_when_asked_for_more(self) -> None:
        _run()
        assert _run(verbosity=2)[:-1] == [f"  unchanged {entry.name}" for entry in TIMETABLE]

    def test_counts_what_an_admin_edited(self) -> None:
        _run()
        _edit("Second thing", priority=9)
        assert _run() == [f"{UNCHANGED} Edited by an admin and kept: 1."]

    def test_prints_fields_and_conflicts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _run()
        _edit("Second thing", priority=9)
        changed = [entry_make("Second thing", priority=3), entry_make("Third thing", queue="slow", enabled=False)]
        monkeypatch.setattr(setup_periodic_tasks, "TIMETABLE", changed)
        assert _run() == [
            "  unchanged Second thing",
            "    conflict priority: stays 9 as an admin set it; code says 3",
            "  changed   Third thing (queue, enabled)",
            "  deleted   First thing (left the timetable)",
            f"Schedules: {COUNTS_OF_A_CONFLICT}. Edited by an admin and kept: 1. Conflicts: 1. Remembered: 1.",
            "A conflict is reported once. To take the code's value now: Reset to code in the admin, or --reset.",
        ]

    def test_lets_code_win_a_conflict_when_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _run()
        _edit("Second thing", priority=9)
        monkeypatch.setattr(setup_periodic_tasks, "TIMETABLE", [*TIMETABLE[:1], entry_make("Second thing", priority=3)])
        assert "    conflict priority: 3 as code says; an admin had set 9" in _run("--on-conflict", "code")
        assert PeriodicTask.objects.get(name="Second thing").priority == 3

    def test_stops_at_a_name_that_somebody_took_and_says_what_to_do(self) -> None:
        by_hand("First thing")
        for options in ((), ("--dry-run",), ("--check",)):
            with pytest.raises(CommandError, match=r"^Nothing was changed\. .*First thing.*--adopt"):
                _run(*options)
        assert PeriodicTask.objects.count() == 1

    def test_takes_it_over_when_told(self) -> None:
        row = by_hand("First thing")
        _run("--adopt")
        row.refresh_from_db()
        assert row.task == TIMETABLE[0].task.name

    def test_leaves_rows_of_others_alone(self) -> None:
        row = by_hand()
        _run()
        _run("--reset")
        assert PeriodicTask.objects.filter(pk=row.pk, task="x").exists()


class TestDryRun:
    def test_prints_the_plan_and_writes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _run()
        _edit("First thing", queue="mine")
        _edit("Second thing", priority=9)
        before = rows_read()
        changed = [entry_make("First thing", enabled=False), entry_make("Second thing", priority=3), entry_make("New")]
        monkeypatch.setattr(setup_periodic_tasks, "TIMETABLE", changed)

        lines = _run("--dry-run")

        assert rows_read() == before
        assert lines == [
            "The plan; nothing is written:",
            "  changed   First thing",
            "      queue: the admin's edit stays",
            "          database says  mine",
            "          code said      nothing",
            "          code says      nothing",
            "          will be        mine",
            "      enabled: code wins",
            "        - database says  yes",
            "          code said      yes",
            "          code says      no",
            "        + will be        no",
            "  unchanged Second thing",
            "      priority: CONFLICT, both changed it: the admin's edit stays",
            "          database says  9",
            "          code said      5",
            "          code says      3",
            "          will be        9",
            "  created   New",
            "      + name: New",
            "      + task: styleguide_example.emails.tasks.email_sweep",
            "      + when: every 10 seconds",
            "      + priority: 0",
            "      + description: Every 10 seconds.",
            "  deleted   Third thing  (left the timetable)",
            "      - task: styleguide_example.emails.tasks.email_sweep",
            "      - when: every 10 seconds",
            f"Schedules: {COUNTS_OF_A_DRY_RUN}. Edited by an admin and kept: 2. Conflicts: 1. Remembered: 1.",
        ]

    def test_tells_what_leaves_edited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _run()
        _edit("Third thing", priority=9)
        monkeypatch.setattr(setup_periodic_tasks, "TIMETABLE", TIMETABLE[:2])
        assert _run("--dry-run")[1:5] == [
            "  disabled  Third thing  (left the timetable, but an admin edited priority: it is the admin's now)",
            "      priority: edited by an admin",
            "          database says  9",
            "          code said      0",
        ]

    def test_prints_nothing_that_a_terminal_would_obey(self) -> None:
        _run()
        attack = "Mine\r\n  deleted   All e-mails\x1b[2J"
        PeriodicTask.objects.filter(name="First thing").update(name=attack, priority=9)
        printed = "\n".join(_run("--dry-run"))
        assert "\x1b" not in printed
        assert "Mine\\r\\n  deleted   All e-mails\\x1b[2J" in printed

    def test_is_coloured_only_when_django_says_so(self) -> None:
        assert "\x1b[" not in "".join(_run("--dry-run"))
        assert "\x1b[32;1m+ when: every 10 seconds\x1b[0m" in "".join(
            _run("--dry-run", no_color=False, force_color=True)
        )


class TestCheck:
    def test_exits_with_1_when_applying_would_write_anything(self) -> None:
        assert _exits_with_1()
        assert not PeriodicTask.objects.exists()
        _run()
        assert not _exits_with_1()

    def test_takes_an_edit_that_stays_for_no_reason_to_apply(self) -> None:
        _run()
        _edit("First thing", priority=9)
        assert not _exits_with_1()
        assert _exits_with_1("--reset")

    def test_exits_with_1_when_there_is_something_to_remember(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _run()
        _edit("Second thing", priority=9)
        monkeypatch.setattr(setup_periodic_tasks, "TIMETABLE", [entry_make("Second thing", priority=9)])
        _run()
        assert not _exits_with_1()
        TimetableEntry.objects.update(applied={})
        assert _exits_with_1()


class TestReset:
    def test_drops_the_edits_of_the_timetables_schedules(self) -> None:
        _run()
        _edit("First thing", priority=9, args="[1]")
        assert _run("--reset")[0] == "  changed   First thing (priority, args)"
        assert PeriodicTask.objects.filter(name="First thing", priority=0, args="[]").exists()

    def test_of_all_shows_what_goes_and_asks(self, answer: Callable[[str], None]) -> None:
        by_hand()
        answer("yes")
        lines = _run("--reset", "--all")
        assert "  deleted   By hand  (code never knew it)" in lines
        assert any("1 schedules and their runs are deleted" in line for line in lines)
        assert set(PeriodicTask.objects.values_list("name", flat=True)) == {entry.name for entry in TIMETABLE}

    @pytest.mark.parametrize("text", ["", "y", "no"])
    def test_of_all_does_nothing_without_a_clear_yes(self, text: str, answer: Callable[[str], None]) -> None:
        by_hand()
        answer(text)
        with pytest.raises(CommandError, match=r"Nothing was changed.*--no-input"):
            _run("--reset", "--all")
        assert PeriodicTask.objects.get().name == "By hand"

    def test_of_all_does_nothing_where_nobody_can_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        by_hand()
        monkeypatch.setattr("sys.stdin", StringIO())
        with pytest.raises(CommandError, match="--no-input"):
            _run("--reset", "--all")
        assert PeriodicTask.objects.get().name == "By hand"

    def test_of_all_can_be_looked_at_first(self) -> None:
        by_hand()
        assert "  deleted   By hand  (code never knew it)" in _run("--reset", "--all", "--dry-run")
        assert _exits_with_1("--reset", "--all")
        assert PeriodicTask.objects.get().name == "By hand"

    def test_of_all_does_not_ask_when_told_so(self) -> None:
        by_hand()
        _run("--reset", "--all", "--no-input")
        assert not PeriodicTask.objects.filter(name="By hand").exists()
        assert not _exits_with_1("--reset", "--all")


class TestJson:
    def test_is_one_document_with_stable_keys(self) -> None:
        _run()
        _edit("Second thing", priority=9)

        document = json.loads("\n".join(_run("--check", "--format", "json")))

        assert list(document) == ["applied", "is_empty", "counts", "schedules"]
        assert (document["applied"], document["is_empty"]) == (False, True)
        assert document["counts"] == {"created": 0, "changed": 0, "disabled": 0, "deleted": 0, "unchanged": 3}
        assert document["schedules"][1] == {
            "action": "unchanged",
            "name": "Second thing",
            "note": "",
            "is_remembered": False,
            "fields": [
                {
                    "field": "priority",
                    "applied": 5,
                    "code": 5,
                    "database": 9,
                    "result": 9,
                    "is_written": False,
                    "is_drift": True,
                    "is_conflict": False,
                }
            ],
        }

    @pytest.mark.parametrize("options", [(), ("--reset",), ("--reset", "--all", "--no-input")], ids=str)
    def test_tells_what_was_applied(self, options: tuple[str, ...]) -> None:
        document = json.loads("\n".join(_run("--format", "json", *options)))
        assert document["applied"] is True
        assert [line["action"] for line in document["schedules"]] == ["created"] * 3


class TestContradictions:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--all",), "--reset --all"),
            (("--reset", "--all", "--adopt"), "nothing left to --adopt"),
            (("--reset", "--on-conflict", "admin"), "leave out --on-conflict"),
            (("--reset", "--all", "--format", "json"), "add --no-input"),
        ],
        ids=str,
    )
    def test_are_refused_before_anything_happens(self, options: tuple[str, ...], message: str) -> None:
        with pytest.raises(CommandError, match=message):
            _run(*options)
        assert not PeriodicTask.objects.exists()
