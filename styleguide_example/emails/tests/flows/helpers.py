"""What the flow tests wait for."""

import time

from django.utils import timezone

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_sweep as email_sweep_task


def wait_for_status(email: Email, status: EmailStatus, timeout: float = 30) -> Email:
    """Return the e-mail as soon as it has ``status``."""
    wait_until(lambda: Email.objects.filter(pk=email.pk, status=status).exists(), timeout)
    email.refresh_from_db()
    return email


def sweep_until(email: Email, status: EmailStatus, timeout: float = 30) -> Email:
    """The same, with a sweep a second: beat in quick motion. (RabbitMQ hands the first to a worker that is stopped.)"""
    last_sweep_at = 0.0

    def condition() -> bool:
        nonlocal last_sweep_at
        if time.monotonic() - last_sweep_at > 1:
            email_sweep_task.apply_async()
            last_sweep_at = time.monotonic()
        return Email.objects.filter(pk=email.pk, status=status).exists()

    wait_until(condition, timeout)
    email.refresh_from_db()
    return email


def sweep_when_the_lease_is_over(email: Email) -> None:
    """One sweep, as soon as there is something to bring back."""
    wait_until(lambda: Email.objects.filter(pk=email.pk, lease_expires_at__lt=timezone.now()).exists())
    email_sweep_task.apply_async()
