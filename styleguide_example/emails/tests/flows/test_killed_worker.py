import pytest

from styleguide_example.common.tests.processes import Worker
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.flows.helpers import (
    leases_run_out,
    sweep_until,
    sweep_when_the_lease_is_over,
    wait_for_status,
)
from styleguide_example.emails.tests.flows.ways import Way
from styleguide_example.emails.tests.smtp_server import SILENCE, TAKEN_THEN_SILENCE, SMTPServer

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

PHASES = [
    pytest.param("connect", SILENCE, FailureKind.LOST, 1, id="before the conversation"),
    pytest.param("body", SILENCE, FailureKind.UNKNOWN_OUTCOME, 1, id="while the message is on its way"),
    pytest.param("message", TAKEN_THEN_SILENCE, FailureKind.UNKNOWN_OUTCOME, 2, id="taken, and not yet recorded"),
]


class TestKilledWorker:
    @pytest.mark.parametrize(("step", "answer", "kind", "copies"), PHASES)
    def test_loses_no_email_and_doubles_only_what_was_on_the_wire(  # noqa: PLR0917
        self, worker: Worker, way: Way, smtp: SMTPServer, step: str, answer: str, kind: FailureKind, copies: int
    ) -> None:
        smtp.fail(step, answer)
        process = worker.start()
        email = way.ask()
        assert smtp.reached[step].wait(20)
        process.kill_group()
        leases_run_out()

        worker.start()
        email = sweep_until(email, Email.Status.SENT)
        assert smtp.copies() == {email.message_id: copies}
        assert email.attempts == 2
        (lost,) = email.failed_attempts.all()
        assert lost.kind == kind
        assert "@" in lost.worker  # the node's name: the row kept it for those who come after
        assert email.worker not in ("", lost.worker)

    def test_leaves_the_decision_to_a_person_when_the_policy_is_to_hold(self, worker: Worker, smtp: SMTPServer) -> None:
        smtp.fail("message", TAKEN_THEN_SILENCE)
        process = worker.start()
        email = email_asked_for()
        assert smtp.reached["message"].wait(20)
        process.kill_group()
        leases_run_out()

        worker.start(EMAIL_SENDING_UNKNOWN_OUTCOME="hold")
        email = sweep_until(email, Email.Status.FAILED)
        assert smtp.copies() == {email.message_id: 1}
        assert email.last_error_kind == FailureKind.UNKNOWN_OUTCOME

    def test_of_the_pool_alone_is_brought_back_by_the_same_worker(self, worker: Worker, smtp: SMTPServer) -> None:
        smtp.fail("body", SILENCE)
        process = worker.start(EMAIL_SENDING_LEASE_SECONDS=5)
        email = email_asked_for()
        assert smtp.reached["body"].wait(20)
        for child in process.children():
            child.kill()

        email = sweep_until(email, Email.Status.SENT)
        assert smtp.copies() == {email.message_id: 1}

    def test_by_its_email_each_time_ends_that_email_after_the_cap_and_no_other(
        self, worker: Worker, smtp: SMTPServer
    ) -> None:
        cap = 2
        smtp.silent_for.add("poison@example.org")
        process = worker.start(EMAIL_SENDING_MAX_ATTEMPTS=cap, EMAIL_SENDING_LEASE_SECONDS=5)
        poison, other = email_asked_for(to=["poison@example.org"]), email_asked_for()
        for _ in range(cap):
            assert smtp.reached["body"].wait(20)
            smtp.reached["body"].clear()
            for child in process.children():
                child.kill()
            sweep_when_the_lease_is_over(poison)

        assert wait_for_status(poison, Email.Status.FAILED).attempts == cap
        assert wait_for_status(other, Email.Status.SENT).attempts == 1
