"""The figures of the dashboard for Prometheus: read from the rows at each scrape, so that every process says the same.

All are gauges. Rows are deleted by the clean-up, so that no count over them only ever grows; windows are what they say.
https://prometheus.io/docs/practices/naming/
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.conf import settings
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from styleguide_example.core.enums import Priority
from styleguide_example.emails.enums import FailureKind, SuppressionReason
from styleguide_example.jobs.enums import ErrorCode
from styleguide_example.operations.dashboard import PERMISSIONS, Dashboard, dashboard_read
from styleguide_example.operations.failures import Source, Total
from styleguide_example.operations.standings import Line

PREFIX = "styleguide"
#: A label has one of a few values, whatever a row says.
_OTHER = "other"
_KINDS = {*FailureKind.values, *ErrorCode.values}

Family = GaugeMetricFamily
Sample = tuple[Sequence[str], float]


class ProductCollector(Collector):
    """Reads all figures at each scrape. Six queries."""

    def collect(self) -> Iterator[Family]:
        """Yield every family, with its samples as they are now."""
        read = dashboard_read(panels=[*PERMISSIONS], now=timezone.now(), with_days=False)
        for families in (_emails(read), _waits(read), _due(read), _failures(read), _workers(read), _others(read)):
            yield from families


def metrics_text(*, accept: str = "") -> tuple[bytes, str]:
    """Return the exposition in the version of the format that ``accept`` asks for, and its content type."""
    registry = CollectorRegistry()
    registry.register(ProductCollector())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _emails(read: Dashboard) -> Iterator[Family]:
    minutes, hours = read.series
    last = minutes.buckets[-2]  # the last one that is over
    windows = {
        "minute": {"sent": last.sent, "failed": last.failed, "retried": last.retried},
        "hour": minutes.totals,
        "day": hours.totals,
    }
    yield _family(
        "emails_recent",
        "E-mails sent and failed for good, and attempts retried (another one follows), in the last whole minute, "
        "the last hour and day.",
        ("outcome", "window"),
        [((outcome, window), n) for window, found in windows.items() for outcome, n in found.items()],
    )


def _waits(read: Dashboard) -> Iterator[Family]:
    yield _family(
        "email_commit_to_sent_seconds",
        "From the commit that asked for an e-mail until the mail server had it, of the newest ones of the window.",
        ("window", "quantile"),
        [
            ((window, quantile), seconds)
            for window, wait in read.waits.items()
            for quantile, seconds in (("0.5", wait.p50), ("0.95", wait.p95))
            if seconds is not None
        ],
    )
    yield _family(
        "email_commit_to_sent_sample",
        "Of how many e-mails styleguide_email_commit_to_sent_seconds is.",
        ("window",),
        [((window,), wait.count) for window, wait in read.waits.items()],
    )


def _due(read: Dashboard) -> Iterator[Family]:
    priorities = {str(priority.value): Line(str(priority.value), 0, 0) for priority in Priority}
    queues = {settings.CELERY_TASK_DEFAULT_QUEUE: Line(settings.CELERY_TASK_DEFAULT_QUEUE, 0, 0)}
    emails = {line.name.partition(" ")[0]: line for line in read.standings.emails}
    jobs = {line.name: line for line in read.standings.jobs}
    yield from _due_of("emails", "priority", priorities | emails)
    yield _family(
        "emails_due_stuck_age_seconds",
        "The same where it is too old and none of the priority, or of a backlog before it, went out lately; else 0.",
        ("priority",),
        [((key,), line.seconds if line.is_too_old else 0) for key, line in (priorities | emails).items()],
    )
    yield from _due_of("jobs", "queue", queues | jobs)
    yield _family(
        "jobs_due_paused",
        "The jobs that are due and whose queue or kind is paused.",
        ("queue",),
        [((key,), line.paused) for key, line in (queues | jobs).items()],
    )
    yield _value(
        "due_too_old_seconds",
        "OPERATIONS_DUE_TOO_OLD_SECONDS: from which age on somebody should look.",
        settings.OPERATIONS_DUE_TOO_OLD_SECONDS,
    )


def _due_of(name: str, label: str, found: Mapping[str, Line]) -> Iterator[Family]:
    counts = [((key,), line.count) for key, line in found.items()]
    ages = [((key,), line.seconds) for key, line in found.items()]
    yield _family(f"{name}_due", f"The {name} that are due and that no worker has taken.", (label,), counts)
    yield _family(
        f"{name}_due_oldest_age_seconds", f"For how long the oldest of styleguide_{name}_due is due.", (label,), ages
    )


def _failures(read: Dashboard) -> Iterator[Family]:
    counts: Counter[tuple[str, str]] = Counter({(source, _OTHER): 0 for source in Source})
    for total in read.failures.totals:
        counts[(total.key[0], _kind(total))] += total.count
    yield _family(
        "failures_recent",
        "Failures of the last day: attempts at e-mails, jobs, and runs of schedules.",
        ("source", "kind"),
        [((source, kind), count) for (source, kind), count in sorted(counts.items())],
    )
    groups = Counter(group.source for group in read.failures.groups)
    yield _family(
        "failure_groups_recent",
        "Different failures (fingerprints) of the last day, as far as their texts were read.",
        ("source",),
        [((source,), groups[source]) for source in Source],
    )


def _kind(total: Total) -> str:
    source, kind, _, code = total.key
    said = kind if source == Source.EMAIL else code
    return said if said in _KINDS else _OTHER


def _workers(read: Dashboard) -> Iterator[Family]:
    alive = [worker for worker in read.workers if not worker.is_silent]
    states = {"alive": len(alive), "silent": len(read.workers) - len(alive)}
    yield _family(
        "workers", "Workers that live, and that fell silent in the last day.", ("state",), _labelled(states.items())
    )
    slots = sum(worker.processes for worker in alive)
    yield _value("worker_slots", "Tasks that the living workers can do at once.", slots)
    active = sum(len(worker.active) for worker in alive)
    yield _value("worker_tasks_active", "Tasks that the living workers do.", active)
    yield _value("beat_leads", "1 while a beat leads, else 0.", int(read.standings.beat is not None))


def _others(read: Dashboard) -> Iterator[Family]:
    yield _value("schedules_overdue", "Schedules that should have run by now and did not.", len(read.overdue))
    suppressed = {reason: read.standings.suppressed.get(reason, 0) for reason in SuppressionReason.values}
    yield _family(
        "suppressed_addresses",
        "Addresses that get no e-mail written to many.",
        ("reason",),
        _labelled(suppressed.items()),
    )


def _labelled(items: Iterable[tuple[str, int]]) -> list[Sample]:
    return [((name,), count) for name, count in items]


def _family(name: str, said: str, labels: Sequence[str], samples: Iterable[Sample]) -> Family:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", said, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _value(name: str, said: str, number: float) -> Family:
    return GaugeMetricFamily(f"{PREFIX}_{name}", said, value=number)
