"""``manage.py setup_periodic_tasks``: a step of every deploy, after ``migrate``."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.services import SyncLine, periodic_tasks_sync
from styleguide_example.tasks.timetable import TIMETABLE


class Command(BaseCommand):
    """Applies the timetable and reports what it did, a line a schedule."""

    help = (
        "Make the schedules in the database equal the timetable (styleguide_example/tasks/timetable.py). "
        "Runs twice without harm. Keeps when and how often each has run, and every schedule that is not its own."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--adopt",
            action="store_true",
            help="Take over schedules that have the name of an entry but were not written by this command.",
        )

    def handle(self, *args: Any, adopt: bool, verbosity: int, **options: Any) -> None:
        """Call the service once and report."""
        try:
            lines = periodic_tasks_sync(entries=TIMETABLE, adopt=adopt)
        except TimetableError as error:
            raise CommandError(f"Nothing was changed. {error}") from error
        for line in lines:
            if line.action is not SyncAction.UNCHANGED or verbosity > 1:
                self.stdout.write(self._styled(line))
        counts = Counter(line.action for line in lines)
        summary = ", ".join(f"{counts[action]} {action.label}" for action in SyncAction)
        self.stdout.write(f"Schedules: {summary}.")

    def _styled(self, line: SyncLine) -> str:
        style = self.style.WARNING if line.action is SyncAction.DELETED else self.style.SUCCESS
        detail = f" ({', '.join(line.columns)})" if line.columns else ""
        return f"  {style(line.action.label.ljust(9))} {line.name}{detail}"
