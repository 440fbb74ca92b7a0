"""Jobs whose work is a function of the test, done to their end."""

from collections.abc import Callable
from typing import Any

from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_running, job_start
from styleguide_example.jobs.tests.messages import messages_work, read
from styleguide_example.jobs.tests.work import kind_doing
from styleguide_example.users.tests.factories import user_confirmed

Body = Callable[[Job], Any]


def job_done_by(body: Body, *, options: dict[str, Any] | None = None, **fields: Any) -> Job:
    """The job as it is after its message was worked on, with ``body`` for its work."""

    def _done(*, job_id: str) -> Any:
        return body(job_running(job_id=job_id))

    with kind_doing(_done, options=options, **fields):
        job = job_start(kind="doing", owner=user_confirmed(), options=Options(person_waits=True))
        messages_work()
    return read(job)
