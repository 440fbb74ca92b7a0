"""Somebody's rows of every kind, those who come and ask for them, and messages that nobody here wrote."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.tests.security.access import ACCESS, SIGN_IN
from config.tests.security.foreign import forge_headers, forge_other_types, forge_shapes, forge_too_large
from config.tests.security.forging import task_forge
from config.tests.security.rows import Rows, rows_everywhere
from config.tests.security.world import PEOPLE, World
from config.tests.security.world import world_make as rows_make
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_create
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.tasks.celery import app

#: An answer that says no. (405: the address takes no such request from anybody.)
REFUSALS = {SIGN_IN, "401", "403", "404"}
STRANGERS = PEOPLE[:-1]
#: A stranger waits longer for the broker than a request of ours does.
_PATIENCE = {"confirm_timeout", "connect_timeout", "read_timeout", "write_timeout", "socket_timeout"}
Knock = tuple[str, str, str, str]
_remembered: Rows = {}


def world_make(*, ready: str) -> dict[str, Any]:
    """Make one row of everything, an e-mail to ``ready`` that nobody asked for, and three strangers.

    Returns their sessions, and ``knocks``: who asks, how, for what, and which answer refuses it.
    """
    email_create(to=[ready], subject="A fault", plain_text="Nobody asked for it.\n")
    with kind_known():
        world = rows_make()
        cookies = {person: world.client(person).cookies for person in STRANGERS}
    return {
        "sessions": {person: jar["sessionid"].value for person, jar in cookies.items() if "sessionid" in jar},
        "knocks": list(_knocks(world)),
        "links": [world.address("confirm/<str:uidb64>/<str:token>/"), world.address("unsubscribe/<str:token>/")],
    }


def rows_remember() -> None:
    """Remember every row that there is."""
    _remembered.clear()
    _remembered.update(rows_everywhere())


def rows_compare() -> dict[str, dict[str, int]]:
    """Return how many of those rows are gone or say something else, and how many are new, by the model's name."""
    found: dict[str, Counter[str]] = {}
    for model, rows in rows_everywhere().items():
        before, now = ({_key(row): row for row in some} for some in (_remembered.get(model, []), rows))
        counted = Counter(
            gone=len(before.keys() - now.keys()),
            new=len(now.keys() - before.keys()),
            changed=sum(now[key] != row for key, row in before.items() if key in now),
        )
        if counted.total():
            found[model] = counted
    return {model: dict(counted) for model, counted in found.items()}


def messages_forge(*, bomb: str) -> int:
    """Put into the broker what is no call, and calls that are not theirs to make. Returns how many are to be refused.

    The calls name e-mails that are there: one that nobody asked for, and one that was sent.
    """
    options = app.conf.broker_transport_options
    app.conf.broker_transport_options = {**options, **dict.fromkeys(_PATIENCE & options.keys(), 20)}
    refused = forge_other_types(Path(bomb)) + forge_shapes() + forge_headers() + forge_too_large()
    for status in (Email.Status.READY, Email.Status.SENT):
        task_forge(email_send_task.name, kwargs={"email_id": Email.objects.filter(status=status).earliest("pk").pk})
    return refused


def _knocks(world: World) -> Iterator[Knock]:
    for route, line in ACCESS.items():
        for method, answers in (("GET", line.get), ("POST", line.post)):
            for person, answer in zip(STRANGERS, answers, strict=False):  # a row has an answer for the owner, too
                if answer in REFUSALS:
                    yield person, method, world.address(route), answer


def _key(row: dict[str, Any]) -> object:
    """Not every model calls its key ``id``."""
    return row.get("id", row.get("pk", next(iter(row.values()))))
