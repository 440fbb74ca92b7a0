"""What the product's own code does in a scenario, through its services; the feeder calls it."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from faults.product.tasks import TICK
from styleguide_example.api.tokens import token_create
from styleguide_example.emails.bulk import NewEmail, Recipient, email_create_all, email_create_all_from_template
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_create, email_queue, email_send_all
from styleguide_example.tasks.models import Schedule
from styleguide_example.tasks.services import schedule_disable
from styleguide_example.users.models import User
from styleguide_example.users.services import user_create

#: Between two tries at a transaction that the database did not take.
RETRY_SECONDS = 0.2


def emails_ask(
    *, addresses: Sequence[str], batch: str, door: str = "all", each: int = 100, patience: float = 60
) -> Iterator[list[str]]:
    """Ask for an e-mail to each address, ``each`` in a transaction, and yield the addresses of each that was committed.

    ``door``: ``all`` (``email_create_all``), ``template`` (``email_create_all_from_template``), ``queue``
    (``email_create`` and ``email_queue``, one by one), ``send_all`` (``email_create``, then ``email_send_all``). A
    transaction that fails is tried again for ``patience`` seconds: the idempotency keys make it one e-mail, whether the
    failed one was committed or not.
    """
    ask = _DOORS[door]
    for first in range(0, len(addresses), each):
        some = addresses[first : first + each]
        _commit(partial(ask, some, batch), patience)
        yield list(some)


def token_make(*, email: str) -> str:
    """Make a person with this address, and return the secret of a token that acts as them."""
    person = user_create(email=email, password=secrets.token_urlsafe(12))
    User.objects.filter(pk=person.pk).update(email_confirmed_at=timezone.now())  # else nobody lets them in
    return token_create(user=person, name="faults", days=1).secret


def schedule_start(
    *, name: str, scenario: str, seconds: int = 1, policies: dict[str, Any] | None = None, **columns: Any
) -> int:
    """Save a schedule that notes each of its runs in the diary. Returns its key."""
    every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
    with transaction.atomic():
        row = PeriodicTask.objects.create(
            name=name, task=TICK, interval=every, kwargs=json.dumps({"scenario": scenario}), **columns
        )
        if policies:
            Schedule.objects.create(periodic_task=row, **policies)
    return int(row.pk)


def schedule_end(*, name: str) -> None:
    """Let nothing more of it become due."""
    schedule_disable(periodic_task=PeriodicTask.objects.get(name=name))


def _commit(ask: Callable[[], None], patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            with transaction.atomic():
                return ask()
        except (DatabaseError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def _ask_all(addresses: Sequence[str], batch: str) -> None:
    emails = (
        NewEmail(idempotency_key=address, to=address, subject="A fault", html="", plain_text=f"For {address}.\n")
        for address in addresses
    )
    email_create_all(emails=emails, batch=batch)


def _ask_from_template(addresses: Sequence[str], batch: str) -> None:
    recipients = (Recipient(idempotency_key=address, to=address, context={"address": address}) for address in addresses)
    email_create_all_from_template(template="fault", recipients=recipients, batch=batch)


def _ask_each(addresses: Sequence[str], batch: str) -> None:
    for address in addresses:
        email_queue(email=_create(address))


def _ask_send_all(addresses: Sequence[str], batch: str) -> None:
    keys = [_create(address).pk for address in addresses]
    email_send_all(emails=Email.objects.filter(pk__in=keys))


def _create(address: str) -> Email:
    return email_create(
        to=[address], subject="A fault", plain_text=f"For {address}.\n", category="faults", idempotency_key=address
    )


_DOORS: dict[str, Callable[[Sequence[str], str], None]] = {
    "all": _ask_all,
    "template": _ask_from_template,
    "queue": _ask_each,
    "send_all": _ask_send_all,
}
