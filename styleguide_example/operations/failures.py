"""What failed in the last day, grouped: a thousand e-mails that one server refused are one failure with a count.

The database counts all failures by kind, phase and code. Only the newest texts are read, to tell apart the errors
within such a total: replies of mail servers differ in addresses and numbers, so that of many no two are the same.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import (
    CharField,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.functions import Cast, Coalesce
from django.urls import reverse

from styleguide_example.core.fingerprints import error_shape, fingerprint
from styleguide_example.core.redaction import redact
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.models import ScheduleRun

SINCE = timedelta(days=1)
#: Texts that are read, of each source the newest.
TEXTS_MAX = 500
GROUPS_SHOWN = 10


class Source(StrEnum):
    """Whose failure it is. The value is a word for people."""

    EMAIL = "e-mail"
    JOB = "job"
    SCHEDULE = "schedule"


_PAGES = {
    Source.EMAIL: "admin:emails_email_change",
    Source.JOB: "admin:jobs_job_change",
    Source.SCHEDULE: "admin:tasks_schedulerun_change",
}

#: Source, kind, phase and code.
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Total:
    """All failures with one kind, phase and code, counted. ``sample`` is the key of one of the rows."""

    key: Key
    count: int
    first_at: datetime
    last_at: datetime
    sample: str

    def merged(self, other: "Total") -> "Total":
        """Both together."""
        later = max(self, other, key=lambda total: total.last_at)
        return replace(later, count=self.count + other.count, first_at=min(self.first_at, other.first_at))


@dataclass(frozen=True)
class Said:
    """One text that was read, and the key of its row."""

    text: str
    at: datetime
    sample: str


@dataclass(frozen=True)
class FailureGroup:
    """Failures with one fingerprint.

    Args:
        kind: of an e-mail the kind of failure, of a job its kind, of a run its schedule.
        detail: phase and code, as far as there are any.
        shape: the error without addresses, ids and numbers.
        sample: the key of one of the rows, of the latest text.
        read: how many texts of its kind, phase and code were read.
        is_share: not all of them were: ``count`` is the part that it has of those, of the exact number of all.
    """

    fingerprint: str
    source: Source
    kind: str
    detail: str
    shape: str
    count: int
    first_at: datetime
    last_at: datetime
    sample: str
    read: int
    is_share: bool

    @property
    def sample_url(self) -> str:
        """The sample's page in the admin."""
        return reverse(_PAGES[self.source], args=[self.sample])

    @property
    def in_figures(self) -> str:
        """As in "1,500"."""
        return f"{self.count:,}"


@dataclass(frozen=True)
class Failures:
    """Of the last day: the exact totals, and the groups, the most frequent first."""

    totals: Sequence[Total] = field(default_factory=list)
    groups: Sequence[FailureGroup] = field(default_factory=list)

    @property
    def has_shares(self) -> bool:
        """Whether there were more texts than were read."""
        return any(group.is_share for group in self.groups)


def failures_recent(sources: Collection[Source], *, now: datetime) -> Failures:
    """Return the failures of the last day. One query; none for no source."""
    queries = [query for source in sources for query in _asked(source, since=now - SINCE)]
    totals: dict[Key, Total] = {}
    texts: defaultdict[Key, list[Said]] = defaultdict(list)
    for is_total, *key_parts, text, count, first, last, sample in _rows(queries):
        source, kind, phase, code = key_parts
        key = (source, kind, phase, code)
        if is_total:
            total = Total(key, count, first, last, sample)
            totals[key] = totals[key].merged(total) if key in totals else total
        else:
            texts[key].append(Said(text, last, sample))
    groups = [group for key, total in totals.items() for group in _groups(total, texts[key])]
    return Failures([*totals.values()], sorted(groups, key=lambda group: (-group.count, group.fingerprint)))


def _rows(queries: Sequence[QuerySet[Any, Any]]) -> Iterable[Any]:
    return queries[0].union(*queries[1:], all=True) if queries else ()


def _asked(source: Source, *, since: datetime) -> Iterator[QuerySet[Any, Any]]:
    """Whether it is a total, source, kind, phase, code, text, count, first, last, sample: ten columns for each."""
    if source is Source.EMAIL:
        yield from _attempts(since)
        yield from _emails_without_attempt(since)
    else:
        yield from _jobs(since) if source is Source.JOB else _runs(since)


def _attempts(since: datetime) -> Iterator[QuerySet[Any, Any]]:
    attempts = EmailAttempt.objects.filter(ended_at__gte=since)
    code = Coalesce(Cast("smtp_code", CharField()), _text(""))
    columns = _columns(Source.EMAIL, kind=F("kind"), phase=F("phase"), code=code)
    return _both(attempts, columns, text="error", moment="ended_at", key="email_id")


def _emails_without_attempt(since: datetime) -> Iterator[QuerySet[Any, Any]]:
    """Those that failed for what no attempt says, as one that expired before anybody tried."""
    said = EmailAttempt.objects.filter(email=OuterRef("pk"), error=OuterRef("last_error"))
    emails = Email.objects.filter(~Exists(said), ended_at__gte=since, status=EmailStatus.FAILED)
    columns = _columns(Source.EMAIL, kind=F("last_error_kind"))
    return _both(emails, columns, text="last_error", moment="ended_at", key="pk")


def _jobs(since: datetime) -> Iterator[QuerySet[Any, Any]]:
    """Of a batch the parts count, which say why."""
    jobs = Job.objects.filter(finished_at__gte=since, state=JobState.FAILURE, is_batch=False)
    columns = _columns(Source.JOB, kind=F("kind"), code=F("error_code"))
    return _both(jobs, columns, text="error_message", moment="finished_at", key="pk")


def _runs(since: datetime) -> Iterator[QuerySet[Any, Any]]:
    # By due time too, which has an index.
    failed = Q(state__in=(RunState.FAILURE, RunState.LOST), finished_at__gte=since)
    runs = ScheduleRun.objects.filter(failed, due_at__gte=since - SINCE)
    columns = _columns(Source.SCHEDULE, kind=F("periodic_task__name"), code=F("state"))
    return _both(runs, columns, text="error", moment="finished_at", key="pk")


def _columns(source: Source, *, kind: Any, phase: Any = None, code: Any = None) -> dict[str, Any]:
    return {"of": _text(source), "of_kind": kind, "of_phase": phase or _text(""), "of_code": code or _text("")}


def _both(
    rows: QuerySet[Any], columns: dict[str, Any], *, text: str, moment: str, key: str
) -> Iterator[QuerySet[Any, Any]]:
    """All of them counted by ``columns``, and the newest one by one."""
    sample = Cast(key, CharField())
    named = {"is_total": Value(1, IntegerField()), **columns, "said": Value("", TextField())}
    totals: QuerySet[Any, Any] = rows.order_by().annotate(**named).values_list(*named)
    yield totals.annotate(count=Count("pk"), first=Min(moment), last=Max(moment), sample=Max(sample))
    newest = rows.model._default_manager.filter(pk__in=rows.order_by(f"-{moment}").values("pk")[:TEXTS_MAX])
    alone = {"count": Value(1, IntegerField()), "first": F(moment), "last": F(moment), "sample": sample}
    each = {"is_total": Value(0, IntegerField()), **columns, "said": Cast(text, TextField()), **alone}
    yield newest.order_by().annotate(**each).values_list(*each)


def _text(text: str) -> Value:
    return Value(str(text), CharField())


def _groups(total: Total, texts: Sequence[Said]) -> Iterator[FailureGroup]:
    """The total by what its texts say. Of one whose texts are all older than those that were read, one group."""
    alike: defaultdict[str, list[Said]] = defaultdict(list)
    for said in texts:
        alike[error_shape(said.text)].append(said)
    if not texts:
        alike[""] = [Said("", total.last_at, total.sample)]
    is_share = len(texts) < total.count
    for shape, said_so in alike.items():
        share = round(total.count * len(said_so) / max(len(texts), 1))
        newest = max(said_so, key=lambda said: said.at)
        first_at = total.first_at if is_share else min(said.at for said in said_so)
        source, kind, phase, code = total.key
        yield FailureGroup(
            fingerprint=fingerprint(source, kind, phase, code, text=newest.text),
            source=Source(source),
            kind=kind.replace("_", " ") if source == Source.EMAIL else kind,
            detail=" ".join(part.replace("_", " ") for part in (phase, code) if part),
            shape=redact(shape),
            count=max(share, 1),
            first_at=first_at,
            last_at=newest.at,
            sample=newest.sample,
            read=len(texts),
            is_share=is_share,
        )
