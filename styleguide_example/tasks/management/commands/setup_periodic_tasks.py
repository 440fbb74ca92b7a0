"""``manage.py setup_periodic_tasks``: a step of every deploy, after ``migrate``."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from styleguide_example.tasks.enums import OnConflict, SyncAction
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.management.plan_texts import plan_diff, plan_json, plan_lines
from styleguide_example.tasks.merge import Plan
from styleguide_example.tasks.services import periodic_tasks_plan, periodic_tasks_rebuild, periodic_tasks_sync
from styleguide_example.tasks.timetable import TIMETABLE

_EPILOG = """
What an admin edited stays. Field by field: what nobody edited is as the code says; what the code did not change stays
as it was edited; where both changed, the edit stays and is reported as a conflict. docs/schedules.md tells more.
"""


class Command(BaseCommand):
    """Applies the timetable and reports what it did, a line a schedule."""

    help = (
        "Bring the timetable (styleguide_example/tasks/timetable.py) into the database, in one transaction. Keeps what "
        "admins edited, when and how often each schedule has run, and every schedule that is not its own. Twice is as "
        "good as once."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Tell the merge below the options."""
        return super().create_parser(prog_name, subcommand, epilog=_EPILOG, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        show = parser.add_argument_group("only show")
        show.add_argument("--dry-run", action="store_true", help="Print what would be done, as a diff. Write nothing.")
        show.add_argument(
            "--check",
            action="store_true",
            help="As --dry-run, and exit with 1 when applying would write anything. Edits that stay are nothing to "
            "write.",
        )
        wins = parser.add_argument_group("who wins")
        wins.add_argument(
            "--on-conflict",
            choices=OnConflict.values,
            help="Who wins where code and an admin changed the same field since the last deploy (default: admin).",
        )
        wins.add_argument(
            "--reset",
            action="store_true",
            help="Drop what admins edited in the timetable's schedules: code wins everywhere.",
        )
        wins.add_argument(
            "--all",
            action="store_true",
            dest="everything",
            help="With --reset: make the whole table what the code says. Deletes schedules that are not in the code, "
            "whoever wrote them, with their runs; shows them first, and asks. Those in the code keep their history.",
        )
        wins.add_argument("--no-input", action="store_true", help="With --reset --all: do not ask.")
        wins.add_argument(
            "--adopt",
            action="store_true",
            help="Take over schedules that have the name of an entry but were not written by this command.",
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="json: one document on standard output."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Call the service once and report."""
        _options_check(options)
        try:
            if options["dry_run"] or options["check"]:
                self._show(options)
            else:
                self._apply(options)
        except TimetableError as error:
            raise CommandError(f"Nothing was changed. {error}") from error

    def _show(self, options: Mapping[str, Any]) -> None:
        plan = periodic_tasks_plan(entries=TIMETABLE, rebuild=options["everything"], **_choices(options))
        if options["format"] == "json":
            self._print_json(plan, is_applied=False)
        else:
            self._print_diff(plan, options)
        if options["check"] and not plan.is_empty:
            sys.exit(1)

    def _apply(self, options: Mapping[str, Any]) -> None:
        if options["everything"]:
            if not options["no_input"]:
                self._confirm(options)
            plan = periodic_tasks_rebuild(entries=TIMETABLE)
        else:
            plan = periodic_tasks_sync(entries=TIMETABLE, **_choices(options))
        if options["format"] == "json":
            self._print_json(plan, is_applied=True)
        else:
            for line in plan_lines(plan, style=self.style, verbosity=options["verbosity"]):
                self.stdout.write(line)

    def _confirm(self, options: Mapping[str, Any]) -> None:
        plan = periodic_tasks_plan(entries=TIMETABLE, rebuild=True)
        self._print_diff(plan, options)
        self.stdout.write(
            f"\nThis rebuilds the whole table: {plan.counts[SyncAction.DELETED]} schedules and their runs are deleted, "
            "and every edit is dropped."
        )
        try:
            answer = input("Type 'yes' to go on: ")
        except EOFError:
            answer = ""
        if answer != "yes":
            raise CommandError("Nothing was changed. Answer 'yes', or run it with --no-input.")

    def _print_diff(self, plan: Plan, options: Mapping[str, Any]) -> None:
        self.stdout.write("The plan; nothing is written:")
        for line in plan_diff(plan, style=self.style, verbosity=options["verbosity"]):
            self.stdout.write(line)

    def _print_json(self, plan: Plan, *, is_applied: bool) -> None:
        self.stdout.write(json.dumps(plan_json(plan, is_applied=is_applied), indent=2))


def _options_check(options: Mapping[str, Any]) -> None:
    if options["everything"] and not options["reset"]:
        raise CommandError("--all says how far --reset goes: run --reset --all.")
    if options["everything"] and options["adopt"]:
        raise CommandError("--reset --all rebuilds the whole table; there is nothing left to --adopt.")
    if options["reset"] and options["on_conflict"]:
        raise CommandError("--reset drops every edit, so there is no conflict: leave out --on-conflict.")
    is_asking = options["everything"] and not (options["dry_run"] or options["check"] or options["no_input"])
    if is_asking and options["format"] == "json":
        raise CommandError("--format json prints one document and cannot ask: add --no-input.")


def _choices(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "on_conflict": OnConflict(options["on_conflict"] or OnConflict.ADMIN),
        "adopt": options["adopt"],
        "reset": options["reset"],
    }
