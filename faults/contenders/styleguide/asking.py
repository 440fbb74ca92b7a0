"""E-mails by the services of the pattern."""

from collections.abc import Iterator, Sequence

from django.core.management import call_command
from django.db import close_old_connections, connections, transaction

from benchmarks.bulk.contenders.styleguide.asking import email_send_all
from benchmarks.bulk.contenders.styleguide.models import Email
from faults.contenders.letters import letter_for

CHUNK = 20


def prepare() -> None:
    """Make its tables."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    connections.close_all()  # so that the database can be copied


@transaction.atomic
def email_ask(*, to: str) -> None:
    """Ask for one, as a service does in a request."""
    email_send_all(Email.objects.filter(pk=_email_new(to).pk))


def emails_ask(*, addresses: Sequence[str]) -> Iterator[list[str]]:
    """Ask for many: a transaction and a message for each, as its service for many does."""
    close_old_connections()  # as a request does: the database was perhaps restarted since
    keys = [_email_new(address).pk for address in addresses]
    for first in range(0, len(keys), CHUNK):
        email_send_all(Email.objects.filter(pk__in=keys[first : first + CHUNK]))
        yield list(addresses[first : first + CHUNK])


def _email_new(to: str) -> Email:
    new = letter_for(to)
    return Email.objects.create(to=to, subject=new.subject, html=new.html, plain_text=new.plain_text)
