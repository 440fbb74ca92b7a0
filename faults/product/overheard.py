"""What can be overheard: messages in the broker, and what workers say over it to monitors."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings

from config.tests.security.forging import task_forge
from config.tests.security.processes import events_heard
from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.emails.services import email_create, email_queue
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.tasks.celery import app


def messages_taken() -> str:
    """Take all messages out of the broker, and return what is in them: their rows wait for a sweep now."""
    return "\n".join(repr((message.headers, message.properties, message.payload)) for message in messages_take(app))


def events_listen(*, until: str) -> str:
    """Return what workers say until there is a file of that name."""
    end = Path(settings.VAR_DIR) / until
    with events_heard() as heard:
        while not end.exists():
            app.control.enable_events()  # a worker that was started meanwhile does not send any
            time.sleep(0.5)
    return "\n".join(heard)


def call_forged(*, address: str) -> None:
    """Put a call into the broker that fails with the address among its arguments, and with a traceback."""
    task_forge(email_send_task.name, kwargs={"email_id": address})


def emails_to(*, addresses: list[str], **said: Any) -> None:
    """Ask for an e-mail to each, that says so."""
    for address in addresses:
        email_queue(email=email_create(to=[address], **said))
