import pytest
from django.db import connection

from styleguide_example.common.tests.processes import Worker
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.flows.helpers import wait_for_status
from styleguide_example.emails.tests.flows.ways import Way
from styleguide_example.emails.tests.smtp_server import HOLD, SMTPServer

pytestmark = [pytest.mark.no_services, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

CUT_ALL_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture(autouse=True)
def postgresql() -> None:
    """SQLite has no connection that could be cut."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: make test runs it there too")


def _cut_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(CUT_ALL_OTHERS)
        assert cursor.rowcount > 0


class TestDatabaseLost:
    def test_between_two_emails_costs_neither_of_them_an_attempt(
        self, worker: Worker, way: Way, smtp: SMTPServer
    ) -> None:
        worker.start()
        first = wait_for_status(way.ask(), Email.Status.SENT)
        _cut_connections()
        second = wait_for_status(way.ask(), Email.Status.SENT)

        assert (first.attempts, second.attempts) == (1, 1)
        assert smtp.copies() == {first.message_id: 1, second.message_id: 1}

    def test_while_sending_is_mended_before_the_outcome_is_recorded(
        self, worker: Worker, way: Way, smtp: SMTPServer
    ) -> None:
        smtp.fail("message", HOLD)
        worker.start()
        email = way.ask()
        assert smtp.reached["message"].wait(20)
        _cut_connections()
        smtp.released.set()

        email = wait_for_status(email, Email.Status.SENT)
        assert smtp.copies() == {email.message_id: 1}
        assert email.attempts == 1
