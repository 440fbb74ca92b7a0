import sys
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.processes import Process, Queue, Worker, wait_until
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_sweep as email_sweep_task
from styleguide_example.emails.tests.factories import EmailFactory
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.timing import Every

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SWEEP = Entry(name="Sweep", task=email_sweep_task, when=Every(timedelta(seconds=1)), in_words="Every second")


class TestBeat:
    def test_brings_an_email_whose_message_was_lost_to_its_end(
        self, worker: Worker, queue: Queue, smtp: SMTPServer
    ) -> None:
        periodic_tasks_sync(entries=[SWEEP])
        email = EmailFactory.create()
        Email.objects.update(status=Email.Status.SENDING, queued_at=Now(), next_attempt_at=Now())
        assert len(queue) == 0

        worker.start()
        command = [sys.executable, "-m", "celery", "-A", "styleguide_example.tasks.celery", "beat", "--pidfile="]
        beat = Process(command, worker.environment)
        try:
            wait_until(lambda: Email.objects.filter(status=Email.Status.SENT).exists())
        finally:
            beat.stop()

        assert smtp.copies() == {email.message_id: 1}
        assert PeriodicTask.objects.get(name="Sweep").total_run_count > 0
