"""The kind, with the task under its former name."""

from faults.product.former.tasks import work as work_task
from faults.product.job_kinds import WorkParameters
from styleguide_example.jobs.kinds import JobKind, anybody_signed_in, job_kind_register

job_kind_register(
    JobKind(
        name="fault-renamed",
        title="Work whose task is renamed",
        task=work_task,
        parameters=WorkParameters,
        may_start=anybody_signed_in,
        may_resume=True,
        tells_owner=False,
        timeout_seconds=120,
    )
)
