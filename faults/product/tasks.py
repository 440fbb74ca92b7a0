"""Tasks that do nothing but leave a line for each time that they ran."""

import time
from pathlib import Path

from celery import current_task, shared_task

from faults.product.diary import diary_note
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.jobs.exceptions import JobFailedError
from styleguide_example.jobs.services import job_report_progress, job_running

TICK = "faults.tick"


@shared_task(name=TICK, base=WakeUpTask, schedulable=True)
def tick(*, scenario: str, seconds: float = 0) -> None:
    """Note the run's id, after so many seconds of work."""
    time.sleep(seconds)
    diary_note(f"tick {scenario} {current_task.request.id}")


@shared_task(name="faults.work", base=WakeUpTask)
def work(*, job_id: str) -> dict[str, int]:
    """Note the beginning, report ``steps`` of ``seconds`` each, note the end.

    With ``gate`` it waits at each step until that file is there, and reports meanwhile.
    """
    job = job_running(job_id=job_id)
    asked = job.parameters
    diary_note(f"begun {job_id}")
    if asked["fails"]:
        raise JobFailedError("It is one of those that fail.", code="one_of_those")
    for step in range(asked["steps"]):
        _step_wait(asked["seconds"], Path(asked["gate"]) if asked["gate"] else None)
        job_report_progress(job=job, current=step + 1, total=asked["steps"], message=f"Step {step + 1}")
    diary_note(f"done {job_id}")
    return {"steps": asked["steps"]}


def _step_wait(seconds: float, gate: Path | None) -> None:
    time.sleep(seconds)  # the work itself
    while gate is not None and not gate.exists():
        time.sleep(0.05)
