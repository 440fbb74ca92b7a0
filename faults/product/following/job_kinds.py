"""The kind whose task was renamed, and a new one."""

from faults.product.following.tasks import new_work as new_work_task
from faults.product.following.tasks import work as work_task
from faults.product.job_kinds import WorkParameters
from styleguide_example.jobs.kinds import JobKind, anybody_signed_in, job_kind_register

for name, task in {"fault-renamed": work_task, "fault-new": new_work_task}.items():
    job_kind_register(
        JobKind(
            name=name,
            title="Work of the following release",
            task=task,
            parameters=WorkParameters,
            may_start=anybody_signed_in,
            may_resume=True,
            tells_owner=False,
            timeout_seconds=120,
        )
    )
