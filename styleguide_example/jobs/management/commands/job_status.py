"""``manage.py job_status``: how far a job is, and what came of it."""

import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from styleguide_example.common.commands import AnsweringCommand, format_argument, seconds_read, waited_for
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.management.job_texts import job_json, job_lines
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.selectors import job_get

STILL_WAITING = 3
_LOOK_SECONDS = 0.5
_VERBOSE = 2


class Command(AnsweringCommand):
    """Shows what the row says. Changes nothing."""

    help = "Show a job: its state and progress, what happened to it, its result or its error."
    epilog = """
examples:
  manage.py job_status 6f71bb3b-7597-4297-9e22-0ea933a7a087
  manage.py job_status 6f71bb3b-… --wait 600         with a bar, until it has ended
  manage.py job_status 6f71bb3b-… --format json
  manage.py job_status 6f71bb3b-… -v 2               with the traceback of what failed

exit codes: 0 found, and with --wait it succeeded; 1 there is no such job, or
with --wait it failed or was cancelled; 2 wrong arguments; 3 with --wait: it has
not ended.
"""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare which."""
        parser.add_argument("id", help="The job's id.")
        parser.add_argument("--wait", type=seconds_read, metavar="SECONDS", help="Wait for the end, so long at most.")
        format_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, wait if asked to, and tell."""
        job = job_get(job_id=options["id"])
        if job is None:
            raise CommandError(f"There is no job {options['id']!r}: it may have been deleted.")
        if options["wait"]:
            _wait(job, options["wait"])
        if options["format"] == "json":
            self.stdout.write(json.dumps(job_json(job), indent=2, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(job_lines(job, with_traceback=options["verbosity"] >= _VERBOSE)))
        if options["wait"]:
            sys.exit(_exit_code(job))


def _wait(job: Job, seconds: float) -> None:
    with tqdm(total=job.progress_total, desc=job.kind, disable=None) as bar:

        def has_ended() -> bool:
            job.refresh_from_db()
            bar.total = job.progress_total
            bar.update(job.progress_current - bar.n)
            return not job.is_active

        waited_for(has_ended, seconds=seconds, every=_LOOK_SECONDS)


def _exit_code(job: Job) -> int:
    if job.is_active:
        return STILL_WAITING
    return 0 if job.state == JobState.SUCCESS else 1
