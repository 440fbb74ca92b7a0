"""Fixtures for the security suite."""

import pytest

from config.tests.security.forging import Lives
from config.tests.security.rows import rows_everywhere
from styleguide_example.common.tests.processes import Worker, wait_until
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_queue
from styleguide_example.emails.tests.conftest import log_lines
from styleguide_example.emails.tests.factories import EmailFactory

__all__ = ["lives", "log_lines"]


@pytest.fixture
def lives(worker: Worker) -> Lives:
    """Let a worker take all that was put into the queue, and then an e-mail, which has to go out.

    Everything else must be as it was, and the worker the one that it was. Returns what it wrote.
    """

    def check() -> str:
        email = EmailFactory.create()
        before = rows_everywhere()
        process = worker.start()
        pool = [child.pid for child in process.children()]
        email_queue(email=email)

        sent = Email.objects.filter(pk=email.pk, status=EmailStatus.SENT)
        wait_until(lambda: sent.exists() or process.has_ended)

        assert not process.has_ended, process.output
        process.wait_for_line("email_sent")  # what it wrote before has been read by then
        assert [child.pid for child in process.children()] == pool
        Email.objects.filter(pk=email.pk).update(**_columns(before, email))
        assert rows_everywhere() == before
        return process.output

    return check


def _columns(before: dict[str, list[dict[str, object]]], email: Email) -> dict[str, object]:
    """The e-mail as it was before it was asked for."""
    return next(row for row in before[Email._meta.label] if row["id"] == email.pk)
