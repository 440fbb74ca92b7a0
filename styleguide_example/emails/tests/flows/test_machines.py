import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection

from styleguide_example.common.tests.databases import database_url
from styleguide_example.common.tests.processes import Process, Worker, wait_until
from styleguide_example.emails.bulk import NewEmail, email_create_all
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_sweep as email_sweep_task
from styleguide_example.emails.tests.flows import machines
from styleguide_example.emails.tests.flows.machines import Machine
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.tasks.celery import app as celery_app

pytestmark = [
    pytest.mark.long,
    pytest.mark.no_services,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL: make test runs it there too"),
]

CONNECTIONS = 3  # of each machine
SECONDS_PER_MESSAGE = 0.2
#: Less than three machines could send.
RELAY_PER_SECOND = 27
#: That are sent when one of the machines is cut off.
EMAILS = 150


@dataclass(frozen=True)
class Site:
    """A machine, and the worker on it."""

    machine: Machine
    worker: Worker

    def start(self) -> Process:
        return self.worker.start()


@pytest.fixture
def sites(worker: Worker, smtp: SMTPServer) -> Iterator[list[Site]]:
    """Three machines, over one database, one broker and one mail server."""
    if missing := machines.missing():
        pytest.skip(missing)
    smtp.seconds_per_message = SECONDS_PER_MESSAGE
    with machines.network(3) as network:
        environment = worker.environment | {
            "DATABASE_URL": network.url(database_url()),
            "CELERY_BROKER_URL": network.url(celery_app.conf.broker_url),
            "EMAIL_URL": network.url(f"smtp://127.0.0.1:{smtp.port}"),
            "EMAIL_SENDING_CONNECTIONS": str(CONNECTIONS),
            "EMAIL_SENDING_LEASE_SECONDS": "6",  # only the one that is cut off loses some
        }
        running = [Site(machine, Worker(environment, prefix=machine.prefix)) for machine in network.machines]
        yield running
        for site in running:
            site.worker.stop()


@pytest.fixture
def short_patience() -> Iterator[None]:
    """The database gives up a session in the middle of a transaction that says nothing any more: docs/scaling.md."""
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '2s'")
        yield
        cursor.execute(f"ALTER DATABASE {name} RESET idle_in_transaction_session_timeout")


class TestMachines:
    def test_send_faster_the_more_they_are_until_the_relay_allows_no_more(
        self, sites: list[Site], smtp: SMTPServer
    ) -> None:
        rates = []
        for number, site in enumerate(sites, start=1):
            site.worker.environment["EMAIL_LIMITS"] = f"default={RELAY_PER_SECOND}/s"
            site.start()
            rates.append(_rate(smtp, emails=40 * number))

        one, two, three = rates
        assert two > 1.6 * one
        assert two * 0.95 < three
        assert max(rates) < RELAY_PER_SECOND * 1.05
        assert set(smtp.copies().values()) == {1}

    def test_lose_nothing_and_double_only_what_was_on_the_wire_of_one_that_is_cut_off(
        self, sites: list[Site], smtp: SMTPServer, short_patience: None
    ) -> None:
        with ThreadPoolExecutor() as pool:
            late, *_ = pool.map(Site.start, sites)
        _write(EMAILS)
        smtp.wait_for(EMAILS // 3)
        late.wait_for_line("emails_sent")
        sites[0].machine.cut_off()
        _sweep_until(_all_are_sent)
        before = _rows()

        sites[0].machine.connect()
        late.wait_for_line("email_sent_after_lease_lost", timeout=60)

        assert _rows() == before
        doubled = {message_id: copies for message_id, copies in smtp.copies().items() if copies > 1}
        in_doubt = Email.objects.filter(failed_attempts__kind=FailureKind.UNKNOWN_OUTCOME)
        assert len(smtp.copies()) == EMAILS
        assert set(doubled.values()) <= {2}
        assert set(doubled) <= set(in_doubt.values_list("message_id", flat=True))
        assert in_doubt.count() <= CONNECTIONS


def _rate(smtp: SMTPServer, *, emails: int) -> float:
    """Messages per second: of two measurements that agree, or the middle one of three; a pause spoils one of them."""
    rates = [_rate_once(smtp, emails=emails) for _ in range(2)]
    if max(rates) > 1.1 * min(rates):
        rates.append(_rate_once(smtp, emails=emails))
    return statistics.median(rates)


def _rate_once(smtp: SMTPServer, *, emails: int) -> float:
    """Send so many. Returns messages per second, without those of the beginning and of the end."""
    already = len(smtp.received)
    _write(emails)
    _sweep_until(lambda: len(smtp.received) == already + emails)
    moments = sorted(received.at for received in smtp.received[already:])
    middle = moments[emails // 5 : emails * 4 // 5]
    return (len(middle) - 1) / (middle[-1] - middle[0])


def _write(count: int) -> None:
    first = Email.objects.count()
    emails = (
        NewEmail(f"news:{number}", f"person{number}@example.org", "News", "<p>News</p>", "News\n")
        for number in range(first, first + count)
    )
    email_create_all(emails=emails, batch="news")


def _sweep_until(condition: Callable[[], bool]) -> None:
    """Wait, with a sweep a second: beat in quick motion."""
    last_sweep_at = time.monotonic()

    def swept() -> bool:
        nonlocal last_sweep_at
        if time.monotonic() - last_sweep_at > 1:
            email_sweep_task.apply_async()
            last_sweep_at = time.monotonic()
        return condition()

    wait_until(swept, timeout=60)


def _all_are_sent() -> bool:
    return not Email.objects.exclude(status=Email.Status.SENT).exists()


def _rows() -> list[dict[str, Any]]:
    return [dict(row) for row in Email.objects.order_by("pk").values()]
