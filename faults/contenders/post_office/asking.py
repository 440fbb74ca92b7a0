"""E-mails by the functions that the package offers."""

from collections.abc import Iterator, Sequence

from django.core.management import call_command
from django.db import close_old_connections, connections, transaction
from post_office import mail

from faults.contenders.letters import SENDER, letter_for

CHUNK = 100


def prepare() -> None:
    """Make its tables."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    connections.close_all()  # so that the database can be copied


@transaction.atomic
def email_ask(*, to: str) -> None:
    """Ask for one, as a service does in a request."""
    mail.send(**_fields(to))


def emails_ask(*, addresses: Sequence[str]) -> Iterator[list[str]]:
    """Ask for many, by its function for that."""
    close_old_connections()  # as a request does: the database was perhaps restarted since
    for first in range(0, len(addresses), CHUNK):
        some = list(addresses[first : first + CHUNK])
        with transaction.atomic():
            mail.send_many([_fields(address) for address in some])
        yield some


def _fields(to: str) -> dict[str, object]:
    new = letter_for(to)
    content = {"subject": new.subject, "message": new.plain_text, "html_message": new.html}
    return {"recipients": [to], "sender": SENDER, **content}
