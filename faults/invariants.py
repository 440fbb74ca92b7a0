"""What must hold at the edges after whatever happened. Each function returns sentences about what does not.

They know nothing of a running stack: what they are told was read by plain SQL, at the mail server, and in the diary.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

#: An answer of the mail server, and the record of it, are so long on their way at most.
SLACK_SECONDS = 4.0


@dataclass(frozen=True)
class Trouble:
    """A fault from one moment to another. ``comes_back``: what it befell goes on then with what it had in hand."""

    began_at: float
    ended_at: float
    comes_back: bool = False

    def meets(self, begin: float, end: float) -> bool:
        """Whether it happened in that time, or in the moment before."""
        return self.began_at <= end and self.ended_at >= begin - SLACK_SECONDS


@dataclass(frozen=True)
class Arrival:
    """A message that the mail server took for one recipient."""

    address: str
    message_id: str
    at: float


@dataclass(frozen=True)
class EmailNow:
    """The row of an e-mail to one recipient."""

    address: str
    message_id: str
    status: str
    attempts: int
    sent_at: float | None
    is_leased: bool = False


@dataclass(frozen=True)
class JobNow:
    """The row of a job, with how often its body began and came to its end."""

    id: str
    kind: str
    state: str
    attempts: int
    error_code: str
    started_at: float | None
    finished_at: float | None
    begun: int
    done: int
    #: It was asked to fail.
    is_to_fail: bool = False


@dataclass(frozen=True)
class RunNow:
    """The row of a due time, with how often its body ran."""

    id: str
    state: str
    attempts: int
    ticks: int


def emails_problems(
    emails: Sequence[EmailNow], arrivals: Sequence[Arrival], troubles: Collection[Trouble], *, on_the_wire: int
) -> list[str]:
    """Each arrived as often as its row can explain, the second time only where a fault explains it."""
    came: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in sorted(arrivals, key=lambda each: each.at):
        came[arrival.address].append(arrival)
    rows = Counter(email.address for email in emails)
    found = [
        _said("have more than one row", [address for address, number in rows.items() if number > 1]),
        _said("arrived and have no row", came.keys() - rows.keys()),
        _said("still have a lease", [email.address for email in emails if email.is_leased]),
        _said("are SENT and never arrived", [e.address for e in emails if e.status == "sent" and not came[e.address]]),
        _said("arrived and are not SENT", [e.address for e in emails if e.status != "sent" and came[e.address]]),
        _said("came oftener than they were tried", [e.address for e in emails if len(came[e.address]) > e.attempts]),
        _said("came under another Message-ID", [e.address for e in emails if _other_ids(e, came[e.address])]),
        _said("came twice without a fault in between", _doubled_for_nothing(came.values(), troubles)),
        _said("came after their record without a fault", _late_for_nothing(emails, came, troubles)),
    ]
    doubled = sum(len(each) - 1 for each in came.values() if each)
    if doubled > on_the_wire:
        found.append(f"{doubled} e-mails came twice, {on_the_wire} were on the wire when something was broken")
    return [sentence for sentence in found if sentence]


def jobs_problems(jobs: Sequence[JobNow], troubles: Collection[Trouble]) -> list[str]:
    """Bodies began as often as was promised, and who failed without being asked to was in the way of a fault."""
    plain = [job for job in jobs if job.kind == "fault-plain"]
    failed = [job for job in jobs if job.state == "FAILURE" and not job.is_to_fail]
    found = [
        _said("may not be begun again and were", [job.id for job in plain if job.begun > 1]),
        _said("began oftener than they were claimed", [job.id for job in jobs if job.begun > job.attempts]),
        _said("came to their end oftener than they began", [job.id for job in jobs if job.done > job.begun]),
        _said("are SUCCESS and never came to their end", [j.id for j in jobs if j.state == "SUCCESS" and not j.done]),
        _said("are SUCCESS and were to fail", [j.id for j in jobs if j.state == "SUCCESS" and j.is_to_fail]),
        _said("failed without a fault", [job.id for job in failed if not _met(job, troubles)]),
        _said("failed and do not say why", [job.id for job in failed if not job.error_code]),
    ]
    return [sentence for sentence in found if sentence]


def runs_problems(runs: Sequence[RunNow], ticks_elsewhere: Collection[str] = ()) -> list[str]:
    """Each due time's body ran once, and again only if the worker that had it was lost."""
    found = [
        _said("have succeeded and never ran", [run.id for run in runs if run.state == "success" and not run.ticks]),
        _said("ran oftener than they were claimed", [run.id for run in runs if run.ticks > run.attempts]),
        _said("ran and have no row", ticks_elsewhere),
    ]
    return [sentence for sentence in found if sentence]


def ends_problems(seen: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """What had ended has not changed since. Both say how each one ended, the first as it was seen on the way."""
    sentence = _said("had ended and changed", [key for key, end in seen.items() if now.get(key) != end])
    return [sentence] if sentence else []


def strangers_problems(strangers: Collection[str]) -> list[str]:
    """No process of the product lives that nobody looks after."""
    sentence = _said("are processes of ours that nobody looks after", strangers)
    return [sentence] if sentence else []


def _other_ids(email: EmailNow, came: Sequence[Arrival]) -> bool:
    return any(arrival.message_id != email.message_id for arrival in came)


def _doubled_for_nothing(came: Iterable[Sequence[Arrival]], troubles: Collection[Trouble]) -> list[str]:
    return [
        each[0].address
        for each in came
        if len(each) > 1 and not any(trouble.meets(each[0].at, each[-1].at) for trouble in troubles)
    ]


def _late_for_nothing(
    emails: Iterable[EmailNow], came: Mapping[str, Sequence[Arrival]], troubles: Collection[Trouble]
) -> list[str]:
    """One that was recorded as SENT comes again only from a worker that had it before, and was stopped or cut off."""
    late = []
    for email in emails:
        last = came[email.address][-1].at if came[email.address] else 0.0
        if email.sent_at is None or last <= email.sent_at + SLACK_SECONDS:
            continue
        first = came[email.address][0].at
        if not any(trouble.comes_back and trouble.meets(first, last) for trouble in troubles):
            late.append(email.address)
    return late


def _met(job: JobNow, troubles: Collection[Trouble]) -> bool:
    if job.started_at is None or job.finished_at is None:
        return False
    return any(trouble.meets(job.started_at, job.finished_at) for trouble in troubles)


def _said(what: str, which: Collection[str]) -> str:
    """A sentence, or nothing when it is true of none."""
    if not which:
        return ""
    first = sorted(which)[:3]
    return f"{len(which)} {what}: {', '.join(first)}{', …' if len(which) > len(first) else ''}"
