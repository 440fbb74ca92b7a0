import pytest

from styleguide_example.common.tests.processes import Worker
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.flows.helpers import leases_run_out, sweep_until
from styleguide_example.emails.tests.flows.ways import Way
from styleguide_example.emails.tests.smtp_server import HOLD, SMTPServer

pytestmark = [pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

#: Seconds: the late one is still at its burst when it comes back, however long that takes here.
BURST = 60


class TestLostLease:
    def test_leaves_the_late_worker_without_effect_on_the_row(self, worker: Worker, way: Way, smtp: SMTPServer) -> None:
        smtp.fail("message", HOLD)
        late = worker.start(EMAIL_SENDING_BURST_SECONDS=BURST, EMAIL_TIMEOUT_AFTER_DATA_SECONDS=60)
        email = way.ask()
        assert smtp.reached["message"].wait(20)
        late.pause()
        leases_run_out()

        worker.start()
        recorded = sweep_until(email, Email.Status.SENT)

        smtp.released.set()
        late.resume()
        late.wait_for_line("email_sent_after_lease_lost")
        # The one on the wire is the one that may come twice, with one Message-ID.
        assert smtp.copies() == {email.message_id: 2}
        after = Email.objects.get(pk=email.pk)
        assert (after.status, after.sent_at, after.attempts) == (Email.Status.SENT, recorded.sent_at, 2)
        assert after.failed_attempts.count() == 1

    def test_before_the_wire_sends_nothing(self, worker: Worker, way: Way, smtp: SMTPServer) -> None:
        smtp.fail("ehlo", HOLD)
        late = worker.start(EMAIL_SENDING_BURST_SECONDS=BURST, EMAIL_TIMEOUT_SECONDS=60)
        email = way.ask()
        assert smtp.reached["ehlo"].wait(20)
        late.pause()
        leases_run_out()

        worker.start()
        sweep_until(email, Email.Status.SENT)

        smtp.released.set()
        late.resume()
        late.wait_for_line("email_not_claimed")
        assert smtp.copies() == {email.message_id: 1}
