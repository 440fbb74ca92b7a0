"""E-mails by the product's doors."""

from collections.abc import Iterator, Sequence

from django.db import close_old_connections, transaction

from faults.contenders.letters import SENDER, letter_for
from faults.product.preparing import prepare
from styleguide_example.emails.bulk import NewEmail, email_create_all
from styleguide_example.emails.services import email_create, email_queue

__all__ = ["email_ask", "emails_ask", "prepare"]

CHUNK = 100


@transaction.atomic
def email_ask(*, to: str) -> None:
    """Ask for one, as a service does in a request."""
    new = letter_for(to)
    email = email_create(to=[to], subject=new.subject, html=new.html, plain_text=new.plain_text, from_email=SENDER)
    email_queue(email=email)


def emails_ask(*, addresses: Sequence[str]) -> Iterator[list[str]]:
    """Ask for many, and yield the addresses of each transaction that is committed."""
    close_old_connections()  # as a request does: the database was perhaps restarted since
    for first in range(0, len(addresses), CHUNK):
        some = list(addresses[first : first + CHUNK])
        with transaction.atomic():
            email_create_all(emails=map(_new, some), batch="peers")
        yield some


def _new(to: str) -> NewEmail:
    new = letter_for(to)
    return NewEmail(idempotency_key=to, to=to, subject=new.subject, html=new.html, plain_text=new.plain_text)
