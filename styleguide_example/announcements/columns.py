"""What pages say of an announcement: its audience and status in words, its account, who was not reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.formats import date_format

from styleguide_example.announcements.audiences import AUDIENCES
from styleguide_example.announcements.enums import AnnouncementStatus, SkipReason
from styleguide_example.announcements.models import Announcement, AnnouncementSkip
from styleguide_example.announcements.selectors import Account, announcement_emails_failed, announcement_skips
from styleguide_example.emails.models import Email
from styleguide_example.emails.selectors import BatchCounts, email_batches_counts
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.words import CANCELLED, DONE, FAILED, RUNNING, STOPPING, Look

_LOOKS = {
    AnnouncementStatus.DRAFT: Look("waiting", "✎", "Draft"),
    AnnouncementStatus.SENDING: Look(RUNNING.name, RUNNING.symbol, "Sending"),
    AnnouncementStatus.GOING_OUT: Look(RUNNING.name, RUNNING.symbol, "Going out"),
    AnnouncementStatus.SENT: Look(DONE.name, DONE.symbol, "Sent"),
    AnnouncementStatus.CANCELLED: CANCELLED,
    AnnouncementStatus.FAILED: Look(FAILED.name, FAILED.symbol, "Stopped by an error"),
}
_STRIP_WIDTH = 1000
_STRIP_PART_MIN = 8  # one of ten thousand can still be seen


@dataclass(frozen=True)
class Share:
    """So many of the recipients, as a part of the strip. ``x`` and ``width`` are thousandths."""

    name: str
    count: int
    x: int = 0
    width: int = 0


@dataclass(frozen=True)
class Failure:
    """Somebody who was not reached, and why. The addresses of the admin's pages are empty for those who may not."""

    recipient: str
    why: str
    detail: str
    url: str


class AnnouncementChangeList(ChangeList):
    """A page of the list. Each row is given ``counts``, with one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then what belongs to its rows."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        begun = [row.batch for row in rows if row.sending_began_at is not None]
        counts = email_batches_counts(batches=begun)
        for row in rows:
            row.counts = counts.get(row.batch, BatchCounts())
            row.waits_known = row.counts.waiting > 0
        self.result_list = rows


class Failures(Sequence[Failure]):
    """All who were not reached: addresses that cannot be written to, then e-mails that failed. Read page by page."""

    def __init__(self, announcement: Announcement, viewer: Any) -> None:
        self._invalid = announcement_skips(announcement=announcement, reason=SkipReason.INVALID)
        self._failed = announcement_emails_failed(announcement=announcement)
        self._sees_people = viewer.has_perm("users.view_user") or viewer.has_perm("users.change_user")
        self._sees_emails = viewer.has_perm("emails.view_email")

    def __len__(self) -> int:
        return self._invalid_total + self._failed_total

    @overload
    def __getitem__(self, place: int) -> Failure: ...
    @overload
    def __getitem__(self, place: slice) -> list[Failure]: ...
    def __getitem__(self, place: int | slice) -> Failure | list[Failure]:
        """A page of them."""
        if isinstance(place, int):
            return self[place : place + 1][0]
        first, last, _ = place.indices(len(self))
        invalid = self._invalid[first:last]
        failed = self._failed[max(first - self._invalid_total, 0) : max(last - self._invalid_total, 0)]
        return [*map(self._of_skip, invalid), *map(self._of_email, failed)]

    @cached_property
    def _invalid_total(self) -> int:
        return self._invalid.count()

    @cached_property
    def _failed_total(self) -> int:
        return self._failed.count()

    def _of_skip(self, skip: AnnouncementSkip) -> Failure:
        url = reverse("admin:users_user_change", args=[skip.user_id]) if self._sees_people else ""
        return Failure(skip.user.email, skip.get_reason_display(), "", url)

    def _of_email(self, email: Email) -> Failure:
        url = reverse("admin:emails_email_change", args=[email.pk]) if self._sees_emails else ""
        why = email.get_last_error_kind_display() or "It was given up"
        return Failure(", ".join(email.to), why, email.last_error, url)


def audience_in_words(announcement: Announcement) -> str:
    """Return whom it goes to; of a rule that is not there any more, its name."""
    audience = AUDIENCES.get(announcement.audience)
    if audience is None:
        return f"{announcement.audience} (there is no such rule any more)"
    told = [_value(announcement.audience_parameters.get(name)) for name in audience.parameters]
    return f"{audience.label}: {', '.join(told)}" if told else audience.label


def status_look(announcement: Announcement) -> Look:
    """Return how its status is shown: a symbol and a word. Reads the job."""
    if announcement.job is not None and announcement.job.is_cancel_requested:
        return STOPPING
    return _LOOKS[announcement.status]


def percent(announcement: Announcement) -> int | None:
    """Return how far the writing is, rounded down; None for a draft."""
    if announcement.sending_began_at is None:
        return None
    return _percent(announcement.dealt_with, announcement.audience_total)


def percent_sent(account: Account) -> int | None:
    """Return how much of what is written has gone out, rounded down; None where nobody knows any more."""
    return None if account.deleted else _percent(account.sent, account.goal)


def job_shown(announcement: Announcement) -> Job | None:
    """Return its job, not to be saved, with the progress that the announcement knows of.

    A job that takes up a sending has not said anything yet: its bar would begin anew.
    """
    job = announcement.job
    if job is not None:
        # Fewer at the end, when somebody's account was closed meanwhile.
        is_sent = announcement.sent_at is not None
        job.progress_total = announcement.dealt_with if is_sent else announcement.audience_total
        job.progress_current = max(job.progress_current, announcement.dealt_with)
        # It lags behind the numbers that stand beside it.
        job.progress_message = ""
    return job


def shares(account: Account) -> list[Share]:
    """Return where the recipients are, as parts of a strip; what is not written yet is the last one."""
    parts = [
        Share("done", account.sent),
        Share("running", account.waiting),
        Share("failed", account.failed + account.invalid),
        Share("stopping", account.cancelled),
        # Those who got nothing, and those of whom it is not known any more.
        Share("cancelled", account.suppressed + account.deleted),
        Share("waiting", account.to_do),
    ]
    return _placed([part for part in parts if part.count], max(sum(part.count for part in parts), 1))


def _placed(parts: Sequence[Share], total: int) -> list[Share]:
    widths = [max(_STRIP_WIDTH * part.count // total, _STRIP_PART_MIN) for part in parts]
    if widths:
        widths[widths.index(max(widths))] += _STRIP_WIDTH - sum(widths)
    return [Share(part.name, part.count, sum(widths[:place]), widths[place]) for place, part in enumerate(parts)]


def _percent(part: int, whole: int) -> int | None:
    return min(100 * part // whole, 100) if whole else None


def _value(value: Any) -> str:
    """A parameter as people write it: it is stored as JSON."""
    date = parse_date(value) if isinstance(value, str) else None
    return date_format(date, "j F Y") if date else str(value)
