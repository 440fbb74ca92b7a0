import pytest

from styleguide_example.common.tests.processes import Worker, wait_until
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

ROWS = 200


class TestDoubledMessages:
    def test_raced_for_by_two_workers_send_each_email_once(self, worker: Worker, smtp: SMTPServer) -> None:
        emails = [email_asked_for() for _ in range(ROWS)]
        for email in emails:
            email_send_task.apply_async(kwargs={"email_id": email.pk})
        worker.start(concurrency=2)
        worker.start(concurrency=2)

        smtp.wait_for(ROWS, timeout=60)
        wait_until(lambda: Email.objects.filter(status=Email.Status.SENT).count() == ROWS)

        assert smtp.copies() == {email.message_id: 1 for email in emails}
        assert set(Email.objects.values_list("attempts", flat=True)) == {1}

    def test_after_the_end_change_nothing(self, worker: Worker, smtp: SMTPServer) -> None:
        process = worker.start()
        email = email_asked_for()
        wait_until(lambda: Email.objects.filter(status=Email.Status.SENT).exists())
        before = Email.objects.values().get(pk=email.pk)

        email_send_task.apply_async(kwargs={"email_id": email.pk})
        process.wait_for_line("email_not_claimed")

        assert Email.objects.values().get(pk=email.pk) == before
        assert smtp.copies() == {email.message_id: 1}
