"""Jobs that no person starts: batches, and calls that may expire."""

from collections.abc import Iterator
from typing import Any

from styleguide_example.jobs.dispatch import Once, Options
from styleguide_example.jobs.services import job_batch_start, job_start


def batch_start(*, label: str, children: int, fails_every: int) -> str:
    """Start a batch of which one child in ``fails_every`` fails. Returns the id of the parent."""
    parameters: Iterator[dict[str, Any]] = (
        {"scenario": label, "steps": 0, "fails": number % fails_every == 0} for number in range(children)
    )
    return str(job_batch_start(kind="fault-resuming", children=parameters).pk)


def alone_start(*, label: str, expires_seconds: int) -> str:
    """Start a job of the kind that runs alone; if it is not begun by then, it never is. Returns its id."""
    options = Options(once=Once(timeout_seconds=expires_seconds), jitter_seconds=0)
    return str(job_start(kind="fault-alone", parameters={"scenario": label}, options=options).pk)
