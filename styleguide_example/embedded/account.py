"""What came of a demo: the product's rows beside what the SMTP server took."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from styleguide_example.emails.models import Email
from styleguide_example.embedded.mailbox import CaughtMail
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.tasks.selectors import Schedule, schedule_list
from styleguide_example.tasks.services import periodic_tasks_plan
from styleguide_example.tasks.timetable import TIMETABLE

#: A confirmation and a welcome.
EMAILS_PER_PERSON = 2


@dataclass(frozen=True)
class EmailLine:
    """One e-mail: its row, and when the SMTP server first took it."""

    to: str
    subject: str
    status: str
    attempts: int
    milliseconds: float | None


@dataclass(frozen=True)
class JobLine:
    """One job that somebody started, and how it ended."""

    kind: str
    state: str
    said: str
    attempts: int
    seconds: float | None


@dataclass(frozen=True)
class Account:
    """The figures, counted at the SMTP server, and in words what is wrong with them."""

    emails: list[EmailLine]
    jobs: list[JobLine]
    schedules: list[Schedule]
    emails_sent: int
    lost: int
    duplicates: int
    schedule_edits: int = 0
    problems: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, int]:
        """For machines."""
        return {
            "emails_sent": self.emails_sent,
            "lost": self.lost,
            "duplicates": self.duplicates,
            "jobs_succeeded": sum(job.state == JobState.SUCCESS for job in self.jobs),
            "schedules": len(self.schedules),
            "schedule_edits_kept": self.schedule_edits,
        }


def account_make(*, people: int, caught: Sequence[CaughtMail], edits: int = 0, announcements: int = 0) -> Account:
    """Compare the rows that were asked for with what was ``caught``, and the schedules with the timetable.

    Lost is what was asked for, or expected of so many ``people``, and never arrived. A duplicate is a further arrival
    of a Message-ID. Each person gets each of the ``announcements``, and a job has sent each of them.
    """
    expected = people * (EMAILS_PER_PERSON + announcements)
    asked = list(Email.objects.exclude(status__in=[Email.Status.READY, Email.Status.CANCELLED]).order_by("queued_at"))
    arrivals = Counter(mail.message_id for mail in caught)
    missing = [email for email in asked if email.message_id not in arrivals]
    never_asked = max(0, expected - len(asked))
    schedules = [schedule for schedule in schedule_list() if schedule.enabled]
    account = Account(
        emails=[_line(email, caught) for email in asked],
        jobs=[_job_line(job) for job in Job.objects.order_by("created_at")],
        schedules=schedules,
        emails_sent=len(arrivals),
        lost=len(missing) + never_asked,
        duplicates=arrivals.total() - len(arrivals),
        schedule_edits=len(periodic_tasks_plan(entries=TIMETABLE).drift),
    )
    account.problems.extend(_problems(account, expected=expected, edits=edits, jobs=announcements))
    return account


def _line(email: Email, caught: Sequence[CaughtMail]) -> EmailLine:
    arrived = [mail.caught_at for mail in caught if mail.message_id == email.message_id]
    milliseconds = (min(arrived) - email.queued_at).total_seconds() * 1000 if arrived and email.queued_at else None
    return EmailLine(", ".join(email.to), email.subject, email.status, email.attempts, milliseconds)


def _job_line(job: Job) -> JobLine:
    seconds = (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None
    said = job.error_message or job.progress_message
    return JobLine(job.kind, job.state, said, job.attempts, seconds)


def _problems(account: Account, *, expected: int, edits: int, jobs: int) -> list[str]:
    not_sent = [line for line in account.emails if line.status != Email.Status.SENT]
    succeeded = [job for job in account.jobs if job.state == JobState.SUCCESS]
    not_scheduled = {entry.name for entry in TIMETABLE} - {schedule.name for schedule in account.schedules}
    found = {
        f"{account.lost} e-mails never arrived at the SMTP server.": account.lost,
        f"{account.duplicates} e-mails arrived more than once.": account.duplicates,
        f"{account.emails_sent} e-mails arrived, {expected} were expected.": account.emails_sent != expected,
        f"{len(not_sent)} e-mails are not recorded as sent.": not_sent,
        f"{jobs} jobs were started, {len(succeeded)} succeeded.": len(succeeded) != jobs or len(account.jobs) != jobs,
        f"{edits} schedules were edited, {account.schedule_edits} edits are there.": account.schedule_edits != edits,
        f"Not scheduled: {', '.join(sorted(not_scheduled))}.": not_scheduled,
    }
    return [problem for problem, is_so in found.items() if is_so]
