"""All checks in their order, each bounded in time: what is broken is found out, and stops no other check."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from styleguide_example.core.redaction import redact
from styleguide_example.operations.bounded import within
from styleguide_example.operations.doctor import beat, broker, database, environment, mail, work, workers
from styleguide_example.operations.doctor.findings import Finding, Severity, error, skipped

#: A check keeps to its time by itself; one that hangs is left alone so much later.
GRACE_SECONDS = 2


@dataclass(frozen=True)
class Check:
    """One thing that can be ill.

    Args:
        ask: called with the seconds that it may take.
        needs: the checks without which there is nothing to ask.
    """

    name: str
    title: str
    ask: Callable[[float], list[Finding]]
    needs: tuple[str, ...] = ()


_TABLES = ("database", "migrations")
CHECKS = (
    Check("settings", "Settings", environment.system_checks),
    Check("variables", "Environment", environment.variables),
    Check("database", "Database", database.database),
    Check("migrations", "Migrations", database.migrations, needs=("database",)),
    Check("clock", "Clock", database.clock, needs=_TABLES),
    Check("broker", "Broker", broker.broker),
    Check("queues", "Queues", broker.queues, needs=("broker",)),
    Check("workers", "Workers", workers.workers, needs=(*_TABLES, "broker")),
    Check("beat", "Beat", beat.beat, needs=_TABLES),
    Check("schedules", "Schedules", beat.schedules, needs=_TABLES),
    Check("mail-servers", "Mail servers", mail.mail_servers),
    Check("emails", "E-mails", mail.emails, needs=_TABLES),
    Check("jobs", "Jobs", work.jobs, needs=_TABLES),
    Check("pauses", "Pauses", work.pauses, needs=_TABLES),
)


def checks_chosen(*, only: Collection[str] = (), skip: Collection[str] = ()) -> list[Check]:
    """Return the checks to make: all, or those of ``only``; without those of ``skip``."""
    return [check for check in CHECKS if (not only or check.name in only) and check.name not in skip]


def checkup(checks: Collection[Check], *, seconds: float) -> Iterator[tuple[Check, list[Finding]]]:
    """Yield each check with what it found, as soon as it has. Never raises for what is broken.

    Args:
        seconds: for each check. What needs one that found an error is not asked.
    """
    ill: dict[str, str] = {}
    for check in checks:
        reason = next((ill[name] for name in check.needs if name in ill), "")
        found = [skipped(f"Not asked: see {reason}.")] if reason else _ask(check, seconds)
        if reason or any(finding.severity is Severity.ERROR for finding in found):
            ill[check.name] = reason or check.title.lower()
        yield check, [replace(finding, check=check.name) for finding in found]


def _ask(check: Check, seconds: float) -> list[Finding]:
    try:
        return within(seconds + GRACE_SECONDS, lambda: check.ask(seconds))
    except TimeoutError:
        return [
            error(
                f"There was no answer within {seconds:g} seconds.",
                meaning="It hangs: a machine that is gone without a word, or a lock that nobody gives back.",
                advice="Ask the machine itself. A slow network has longer with --timeout.",
            )
        ]
    except Exception as problem:  # noqa: BLE001  a doctor must survive whatever is ill
        return [
            error(
                f"It cannot be asked: {redact(_line(problem))}",
                advice=f"Mend what it names, and ask again: manage.py doctor --only {check.name}",
            )
        ]


def _line(problem: Exception) -> str:
    """The first line of what an error says, and of which kind it is."""
    said = next(iter(str(problem).strip().splitlines()), "")
    return f"{type(problem).__name__}: {said}" if said else type(problem).__name__
