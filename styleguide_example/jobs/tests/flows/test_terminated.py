import pytest
from django.contrib.auth.models import Permission

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.models import ControlEntry
from styleguide_example.jobs.services import Options, job_start, job_terminate
from styleguide_example.jobs.tests.flows.workers import Workers, wait_for_state
from styleguide_example.jobs.tests.work import PLAIN
from styleguide_example.users.tests.factories import user_staff

pytestmark = [pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SOON = Options(person_waits=True)


class TestTerminated:
    def test_loses_its_process_within_seconds_and_the_pool_lives_on(self, workers: Workers) -> None:
        staff = user_staff()
        staff.user_permissions.add(Permission.objects.get(codename="terminate_job"))
        worker = workers.start()
        (process,) = worker.children()
        job = job_start(kind=PLAIN, parameters=workers.work_at_gate(is_silent=True), options=SOON)
        workers.wait_for_begun()

        job_terminate(job=job, by=staff, reason="It hangs")
        job = wait_for_state(job, JobState.REVOKED, timeout=5)
        assert job.error_code == ErrorCode.TERMINATED
        wait_until(lambda: not process.is_running(), timeout=5)

        other = job_start(kind=PLAIN, parameters=workers.work(), options=SOON)
        wait_for_state(other, JobState.SUCCESS)
        assert workers.done() == [str(other.pk)]
        assert ControlEntry.objects.get().done_by == staff
