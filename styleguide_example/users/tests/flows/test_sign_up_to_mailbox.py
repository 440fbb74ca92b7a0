import json
import re
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from styleguide_example.common.tests.processes import Queue, Worker, wait_until
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.emails.tests.smtp_server import Received, SMTPServer
from styleguide_example.users.tests.factories import PASSWORD

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

ADDRESS = "ada.lovelace@example.org"


def _link(received: Received) -> str:
    text = received.message.get_body(("plain",))
    assert text is not None
    found = re.search(r"\S+/confirm/\S+", text.get_content())
    assert found
    return urlsplit(found.group()).path


class TestSignUpToMailbox:
    """Pages, a real worker, a real broker and a real SMTP conversation."""

    def test_brings_a_confirmation_and_a_welcome_and_tells_the_logs_no_secret(
        self, client: Client, worker: Worker, queue: Queue, smtp: SMTPServer
    ) -> None:
        process = worker.start(LOG_FORMAT="json")
        client.post(reverse("users:sign-up"), {"email": ADDRESS}, headers={"X-Request-ID": "from-the-browser"})
        (confirmation,) = smtp.wait_for(1)
        link = _link(confirmation)
        client.post(link, {"new_password1": PASSWORD, "new_password2": PASSWORD})
        client.post(reverse("users:onboarding"), {"full_name": "Ada Lovelace"})
        client.post(reverse("users:onboarding"), {"time_zone": "Europe/London"})
        _, welcome = smtp.wait_for(2)
        wait_until(lambda: Email.objects.filter(status=Email.Status.SENT).count() == 2)

        assert confirmation.recipients == welcome.recipients == [ADDRESS]
        assert "Ada Lovelace" in str(welcome.message["Subject"]) + welcome.data.decode()
        assert len(smtp.copies()) == 2

        process.wait_for_line("task_succeeded")
        lines = [json.loads(line) for line in process.lines if line.startswith("{")]
        sent = next(line for line in lines if line["event"] == "email_sent")
        ended = next(line for line in lines if line["event"] == "task_succeeded")
        assert sent["request_id"] == ended["request_id"]
        assert sent["task"] == ended["task"] == email_send_task.name
        for secret in (ADDRESS, "Lovelace", link, PASSWORD, confirmation.message_id):
            assert secret not in process.output
