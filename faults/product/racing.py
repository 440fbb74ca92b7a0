"""Many workers that want the same rows at the same moment."""

from faults.product.doings import emails_ask
from styleguide_example.core.enums import Priority
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.emails.tasks import email_send_due as email_send_due_task
from styleguide_example.tasks.celery import app


def pools_grow(*, by: int) -> None:
    """Give each worker so many processes more."""
    app.control.pool_grow(by)


def pools_shrink(*, by: int) -> None:
    """Take them away again."""
    app.control.pool_shrink(by)


def race_prepare(*, addresses: list[str], bursts: int) -> None:
    """Ask for an e-mail to each address, and send ``bursts`` messages for all of them and one for each of them."""
    for _ in emails_ask(addresses=addresses, batch="race", each=len(addresses)):
        pass
    for _ in range(bursts):
        email_send_due_task.apply_async(priority=Priority.HIGHEST)
    for key in Email.objects.filter(idempotency_key__in=addresses).values_list("pk", flat=True):
        email_send_task.apply_async(kwargs={"email_id": key})
