"""``manage.py demo_account``: the last part of ``make demo``, once everything has stopped."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.timesince import timeuntil

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.embedded.account import Account, account_make
from styleguide_example.embedded.mailbox import caught_list, mailbox_directory


def _when(at: datetime | None, now: datetime) -> str:
    if at is None or at <= now:
        return "now"
    # The estimate is microseconds early, which would show as the second before.
    rounded = at + timedelta(milliseconds=500)
    seconds = (rounded - now).total_seconds()
    left = f"{seconds:.0f} seconds" if seconds < 60 else timeuntil(rounded, now)
    return f"{rounded:%Y-%m-%d %H:%M:%S} UTC, in {left}"


class Command(BaseCommand):
    """Prints the account; its last line is one JSON object."""

    help = "Accounts for the e-mails and schedules of a demo. Exits with 1 when anything is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--people", type=int, required=True, help="How many signed up and completed onboarding.")
        parser.add_argument("--announcements", type=int, default=0, help="How many were sent to all of them.")
        parser.add_argument("--edits", type=int, default=0, help="How many schedules an admin edited.")

    def handle(self, *args: Any, people: int, edits: int, announcements: int, **options: Any) -> None:
        """Count, and say it."""
        caught = caught_list(mailbox_directory(settings.VAR_DIR))
        try:
            account = account_make(people=people, edits=edits, announcements=announcements, caught=caught)
        except ConflictError as error:  # a schedule of somebody's own has the name of an entry
            raise CommandError(str(error)) from error
        self._emails(account)
        self._jobs(account)
        self._schedules(account)
        self.stdout.write(json.dumps(account.figures()))
        if account.problems:
            raise CommandError(" ".join(account.problems))

    def _emails(self, account: Account) -> None:
        self.stdout.write("E-mails (the time is from the commit to the SMTP server's acceptance)")
        to, subject = (
            max((len(value) for value in values), default=0)
            for values in ([line.to for line in account.emails], [line.subject for line in account.emails])
        )
        for line in account.emails:
            took = "never arrived" if line.milliseconds is None else f"{line.milliseconds:.0f} ms"
            attempts = "1 attempt" if line.attempts == 1 else f"{line.attempts} attempts"
            self.stdout.write(f"  {line.to:<{to}}  {line.subject:<{subject}}  {line.status}  {attempts}  {took:>7}")

    def _jobs(self, account: Account) -> None:
        self.stdout.write("\nJobs")
        for job in account.jobs:
            attempts = "1 attempt" if job.attempts == 1 else f"{job.attempts} attempts"
            took = "not ended" if job.seconds is None else f"{job.seconds:.1f} s"
            self.stdout.write(f"  {job.kind}  {job.state}  {attempts}  {took}  {job.said}")

    def _schedules(self, account: Account) -> None:
        self.stdout.write("\nSchedules")
        now = timezone.now()
        name, words = (
            max((len(value) for value in values), default=0)
            for values in ([s.name for s in account.schedules], [s.in_words for s in account.schedules])
        )
        for schedule in account.schedules:
            at = schedule.next_run_at
            self.stdout.write(f"  {schedule.name:<{name}}  {schedule.in_words:<{words}}  next run {_when(at, now)}")
        self.stdout.write("")
