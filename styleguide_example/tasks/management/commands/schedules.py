"""``manage.py schedules``: what runs by itself next."""

import json
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import timedelta
from textwrap import fill
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from styleguide_example.common.commands import AnsweringCommand, format_argument
from styleguide_example.jobs.enums import Scope
from styleguide_example.jobs.selectors import pause_list
from styleguide_example.tasks.management.next_texts import Coming, coming, coming_json, coming_lines
from styleguide_example.tasks.selectors import schedule_list

#: Of each schedule, where nothing else is said; with --hours so many are shown, and the others counted.
COUNT, SHOWN_MAX = 1, 5
COUNT_MAX, HOURS_MAX = 1000, 366 * 24


class Command(AnsweringCommand):
    """Shows what beat will fire. Changes nothing."""

    help = "Show when each schedule is due next, on its own clock, and which of them will not run and why."
    epilog = """
examples:
  manage.py schedules next                       the next due time of each
  manage.py schedules next --count 3
  manage.py schedules next --hours 24            those of the next day
  manage.py schedules next --name delete --format json

exit codes: 0 shown; 1 there is no such schedule; 2 wrong arguments.
"""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare one word for each thing that can be done."""
        words = parser.add_subparsers(dest="word", required=True, metavar="next")
        following = words.add_parser(
            "next",
            help="Show the due times that come.",
            description=fill(self.help, 80),
            epilog=self.epilog,
            formatter_class=RawDescriptionHelpFormatter,
        )
        how_far = following.add_mutually_exclusive_group()
        how_far.add_argument("--count", type=_number(COUNT_MAX), metavar="N", help=f"So many of each ({COUNT}).")
        how_far.add_argument("--hours", type=_number(HOURS_MAX), metavar="N", help="Those of the next hours.")
        following.add_argument("--name", default="", metavar="TEXT", help="Only schedules with this in their name.")
        format_argument(following)

    def handle(self, *args: Any, **options: Any) -> None:
        """Work out, and tell: what is due first comes first."""
        found = _coming(options["name"], options["count"], options["hours"])
        if not found and options["name"]:
            raise CommandError(f"No schedule has {options['name']!r} in its name.")
        if options["format"] == "json":
            self.stdout.write(json.dumps([coming_json(item) for item in found], indent=2, ensure_ascii=False))
        elif not found:
            self.stdout.write("There is no schedule. The timetable is applied by manage.py setup_periodic_tasks.")
        else:
            self.stdout.write("\n".join(line for item in found for line in coming_lines(item)))


def _coming(name: str, count: int | None, hours: int | None) -> list[Coming]:
    paused = {pause.name for pause in pause_list() if pause.scope == Scope.QUEUE}
    shown = count or (COUNT if hours is None else SHOWN_MAX)
    found = [
        coming(
            schedule,
            count=shown,
            until=None if hours is None else schedule.now + timedelta(hours=hours),
            paused=paused,
            default=settings.CELERY_TASK_DEFAULT_QUEUE,
        )
        for schedule in schedule_list()
        if name.lower() in schedule.name.lower()
    ]
    return sorted(found, key=lambda item: item.sort_key)


def _number(at_most: int) -> Any:
    def read(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= at_most:
            raise ArgumentTypeError(f"{text!r} is not a number from 1 to {at_most:,}.")
        return int(text)

    return read
