"""One task for each e-mail."""

from typing import Any

from celery import shared_task

from benchmarks.bulk.contenders.styleguide import delivery
from benchmarks.bulk.contenders.styleguide.models import Email

RETRY_AFTER_SECONDS = 5


def _failed(self: Any, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: PLR0917
    Email.objects.filter(pk=args[0], status=Email.Status.SENDING).update(status=Email.Status.FAILED)


@shared_task(bind=True, on_failure=_failed)
def email_send(self: Any, email_id: int) -> None:
    """Get the row, send it, try again in five seconds whatever went wrong."""
    email = Email.objects.get(id=email_id)
    try:
        delivery.email_send(email)
    except Exception as error:  # noqa: BLE001  as the pattern has it
        self.retry(exc=error, countdown=RETRY_AFTER_SECONDS)
