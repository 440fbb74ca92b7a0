"""``manage.py jobs``: pause, resume and purge a queue or a kind, and see what waits."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from styleguide_example.common.commands import AnsweringCommand
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.jobs.enums import Scope
from styleguide_example.jobs.pauses import scope_check
from styleguide_example.jobs.selectors import Control, job_controls, jobs_waiting_count, pause_list
from styleguide_example.jobs.services import job_pause, job_purge, job_resume

_EPILOG = """
examples:
  manage.py jobs status
  manage.py jobs pause --kind announcement-send --reason "The text is wrong"
  manage.py jobs resume --kind announcement-send
  manage.py jobs purge --queue slow                 shows the count, and asks
  manage.py jobs purge --queue slow --yes           for scripts: does not ask

A pause holds for every worker within seconds, and over restarts, until it is resumed. What runs goes on. A purge ends
what nobody has begun, in the state REVOKED. All three are entered in the audit (admin: Jobs, Audit entries).

exit codes: 0 done; 1 refused, and the reason is printed; 2 wrong arguments.
"""


class Command(AnsweringCommand):
    """Says what waits and what is paused, and pauses, resumes and purges."""

    help = "Pause, resume or purge a queue or a kind of job, or show what waits, runs and is paused."
    epilog = _EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare one word for each thing that can be done."""
        words = parser.add_subparsers(dest="word", required=True, metavar="status | pause | resume | purge")
        words.add_parser("status", help="Show every queue and kind: what waits, what runs, what is paused.")
        pause = words.add_parser("pause", help="Begin nothing more of it until it is resumed.")
        resume = words.add_parser("resume", help="Let it go on, and wake what waited.")
        purge = words.add_parser("purge", help="End everything of it that nobody has begun.")
        for word in (pause, resume, purge):
            target = word.add_mutually_exclusive_group(required=True)
            target.add_argument("--queue", metavar="NAME", help="A queue.")
            target.add_argument("--kind", metavar="NAME", help="A kind of job, or the name of a task.")
            word.add_argument("--reason", default="", help="Why; it is kept in the audit.")
        purge.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Call the service once and report."""
        if options["word"] == "status":
            self._status()
            return
        scope = Scope.QUEUE if options["queue"] is not None else Scope.KIND
        name = options["queue"] if scope is Scope.QUEUE else options["kind"]
        if not name:
            raise CommandError("Give a name.")
        act = {"pause": self._pause, "resume": self._resume, "purge": self._purge}[options["word"]]
        try:
            act(scope, name, options)
        except ConflictError as error:
            raise CommandError(f"Nothing was changed. {error}") from error

    def _pause(self, scope: Scope, name: str, options: Mapping[str, Any]) -> None:
        count = job_pause(scope=scope, name=name, reason=options["reason"])
        self.stdout.write(f"{scope.label} {name} is paused; {_jobs(count)} waiting behind it.")

    def _resume(self, scope: Scope, name: str, options: Mapping[str, Any]) -> None:
        was_paused = pause_list().filter(scope=scope, name=name).exists()
        count = job_resume(scope=scope, name=name, reason=options["reason"])
        waited = f"goes on; {_jobs(count)} {'was' if count == 1 else 'were'} waiting."
        self.stdout.write(f"{scope.label} {name} {waited if was_paused else 'was not paused.'}")

    def _purge(self, scope: Scope, name: str, options: Mapping[str, Any]) -> None:
        if not options["yes"]:
            self._confirm(scope, name)
        count = job_purge(scope=scope, name=name, reason=options["reason"])
        self.stdout.write(f"{scope.label} {name} was purged; {_jobs(count)} ended.")

    def _confirm(self, scope: Scope, name: str) -> None:
        count = jobs_waiting_count(scope=scope, name=scope_check(scope=scope, name=name))
        self.stdout.write(f"{_jobs(count)} of {scope.label.lower()} {name} waiting: a purge ends them for good.")
        if not sys.stdin.isatty():
            raise CommandError("Nothing was changed. Nobody is there to ask: add --yes.")
        if input("Type 'yes' to go on: ") != "yes":
            raise CommandError("Nothing was changed.")

    def _status(self) -> None:
        controls = job_controls()
        for scope in Scope:
            self._table(scope.label, [control for control in controls if control.scope is scope])

    def _table(self, title: str, controls: Iterable[Control]) -> None:
        rows = list(controls)
        width = max([len(title), *(len(control.name) for control in rows)])
        self.stdout.write(self.style.MIGRATE_HEADING(f"{title:<{width}}  waiting  running"))
        for control in rows:
            line = f"{control.name:<{width}}  {control.waiting:>7}  {control.running:>7}"
            self.stdout.write(f"{line}  {_paused(control)}".rstrip())


def _paused(control: Control) -> str:
    pause = control.pause
    if pause is None:
        return ""
    by = f" by {pause.paused_by}" if pause.paused_by else ""
    why = f": {pause.reason}" if pause.reason else ""
    return f"paused since {pause.paused_at:%Y-%m-%d %H:%M} UTC{by}{why}"


def _jobs(count: int) -> str:
    return f"{count:,} job{'' if count == 1 else 's'}"
