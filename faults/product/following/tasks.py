"""Tasks that the former release does not know, one of them under its new name."""

from celery import shared_task

from faults.product.tasks import tick as tick_task
from faults.product.tasks import work as work_task
from styleguide_example.common.wakeups import WakeUpTask


@shared_task(name="faults.new_name", base=WakeUpTask)
def work(*, job_id: str) -> dict[str, int]:
    """Work as always."""
    return dict(work_task.run(job_id=job_id))


@shared_task(name="faults.new_work", base=WakeUpTask)
def new_work(*, job_id: str) -> dict[str, int]:
    """Work of a new kind."""
    return dict(work_task.run(job_id=job_id))


@shared_task(name="faults.new_tick", base=WakeUpTask, schedulable=True)
def new_tick(*, scenario: str) -> None:
    """Leave a line, as the other one does."""
    tick_task.run(scenario=scenario)
