"""A pause on real workers: honoured within seconds, over a restart, and what waited goes on when it ends."""

import pytest
from django.conf import settings

from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.jobs.enums import JobState, Scope
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.services import Options, job_pause, job_resume, job_start
from styleguide_example.jobs.tests.flows.workers import Workers, wait_for_state
from styleguide_example.jobs.tests.work import PLAIN

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

AT_ONCE = Options(person_waits=True)


class TestPause:
    @pytest.mark.parametrize("scope", Scope)
    def test_outlives_a_restart_and_ends_with_what_waited_being_done(
        self, workers: Workers, queue: Queue, scope: Scope
    ) -> None:
        name = PLAIN if scope is Scope.KIND else settings.CELERY_TASK_DEFAULT_QUEUE
        first = workers.start()
        done = wait_for_state(
            job_start(kind=PLAIN, parameters=workers.work(steps=1), options=AT_ONCE), JobState.SUCCESS
        )
        job_pause(scope=scope, name=name)
        first.kill_group()

        second = workers.start()
        job = job_start(kind=PLAIN, parameters=workers.work(steps=1), options=AT_ONCE)
        second.wait_for_line("task_held_back" if scope is Scope.QUEUE else "job_not_claimed")
        assert Job.objects.filter(pk=job.pk, state=JobState.PENDING, attempts=0).exists()

        job_resume(scope=scope, name=name)
        wait_for_state(job, JobState.SUCCESS)
        assert workers.done() == [str(done.pk), str(job.pk)]
        assert len(queue) == 0

    def test_lets_no_job_through_even_if_the_worker_has_not_heard_of_it(self, workers: Workers) -> None:
        """What it believes is two seconds old at most; the claim asks in its own statement."""
        process = workers.start(PAUSE_CACHE_SECONDS=60)  # two are over too soon where the machine is busy
        before = job_start(kind=PLAIN, parameters=workers.work(steps=1), options=AT_ONCE)
        wait_for_state(before, JobState.SUCCESS)
        job_pause(scope=Scope.QUEUE, name="")
        job = job_start(kind=PLAIN, parameters=workers.work(steps=1), options=AT_ONCE)
        process.wait_for_line("job_not_claimed")
        assert Job.objects.filter(pk=job.pk, state=JobState.PENDING, attempts=0).exists()

    def test_lets_emails_wait_too(self, workers: Workers) -> None:
        job_pause(scope=Scope.QUEUE, name="")
        process = workers.start()
        email = email_asked_for()
        process.wait_for_line("task_held_back")
        email.refresh_from_db()
        assert (email.status, email.attempts) == (Email.Status.SENDING, 0)
