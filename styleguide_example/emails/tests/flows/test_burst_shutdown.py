"""A worker is told to end in the middle of a burst."""

import os
import signal

import pytest

from styleguide_example.common.tests.processes import Process, Worker, wait_until
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send_due as email_send_due_task
from styleguide_example.emails.tests.factories import emails_left_behind
from styleguide_example.emails.tests.flows.helpers import leases_run_out, sweep_until_all_ended
from styleguide_example.emails.tests.smtp_server import HOLD, TAKEN_THEN_SILENCE, SMTPServer

pytestmark = [pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

CONNECTIONS = 4
SENT, SENDING = Email.Status.SENT, Email.Status.SENDING


def _told_to_end(worker: Worker, smtp: SMTPServer, answer: str) -> Process:
    """A worker that was told to end when all connections of its burst waited for the server's answer."""
    smtp.fail("message", *[answer] * CONNECTIONS)
    process = worker.start(EMAIL_SENDING_BURST_SECONDS=30)
    email_send_due_task.apply_async()
    wait_until(lambda: len(smtp.received) == CONNECTIONS)
    os.kill(process.pid, signal.SIGTERM)
    process.wait_for_line("Warm shutdown")
    return process


def _left() -> set[tuple[object, ...]]:
    rows = Email.objects.exclude(status=SENT)
    return set(rows.values_list("status", "attempts", "lease_token", "lease_owner", "on_wire_at"))


AS_BEFORE = {(SENDING, 0, None, "", None)}


class TestShutdownInABurst:
    def test_finishes_what_is_on_the_wire_and_releases_the_rest_as_it_was(
        self, worker: Worker, smtp: SMTPServer
    ) -> None:
        emails_left_behind(60)
        process = _told_to_end(worker, smtp, HOLD)

        # At once: another worker may have the rest, however long the server takes.
        wait_until(lambda: Email.objects.filter(lease_token__isnull=False).count() == CONNECTIONS)
        smtp.released.set()

        wait_until(lambda: process.has_ended)
        assert Email.objects.filter(status=SENT, attempts=1).count() == CONNECTIONS
        assert _left() == AS_BEFORE
        assert set(smtp.copies().values()) == {1}
        wait_until(lambda: smtp.farewells == smtp.connections == CONNECTIONS)

    def test_and_killed_before_it_was_done_leaves_only_what_was_on_the_wire_in_doubt(
        self, worker: Worker, smtp: SMTPServer
    ) -> None:
        emails = emails_left_behind(30)
        process = _told_to_end(worker, smtp, TAKEN_THEN_SILENCE)
        wait_until(lambda: Email.objects.filter(lease_token__isnull=False).count() == CONNECTIONS)
        process.kill_group()
        assert _left() - AS_BEFORE  # the leases of the dead
        leases_run_out()

        worker.start()
        sweep_until_all_ended()

        copies = smtp.copies()
        assert copies.keys() == {email.message_id for email in emails}
        assert copies.total() == len(emails) + CONNECTIONS
