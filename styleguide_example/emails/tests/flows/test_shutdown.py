import os
import signal

import pytest

from styleguide_example.common.tests.processes import Worker, wait_until
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.flows.helpers import wait_for_status
from styleguide_example.emails.tests.flows.ways import Way
from styleguide_example.emails.tests.smtp_server import HOLD, SMTPServer

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


class TestShutdown:
    @pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
    def test_finishes_what_is_on_the_wire_and_says_goodbye_to_the_mail_server(
        self, worker: Worker, way: Way, smtp: SMTPServer, pool: str
    ) -> None:
        smtp.fail("message", HOLD)
        process = worker.start(pool=pool)
        email = way.ask()
        assert smtp.reached["message"].wait(20)

        os.kill(process.pid, signal.SIGTERM)
        process.wait_for_line("Warm shutdown")
        smtp.released.set()

        email = wait_for_status(email, Email.Status.SENT)
        wait_until(lambda: smtp.farewells == 1)
        assert smtp.copies() == {email.message_id: 1}
