"""The task under its former name."""

from celery import shared_task

from faults.product.tasks import work as work_task
from styleguide_example.common.wakeups import WakeUpTask


@shared_task(name="faults.former_name", base=WakeUpTask)
def work(*, job_id: str) -> dict[str, int]:
    """Work as always."""
    return dict(work_task.run(job_id=job_id))
