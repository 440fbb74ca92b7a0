"""What the flow tests wait for."""

import time
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_sweep as email_sweep_task


class Sweeping:
    """Beat in quick motion: a sweep a second."""

    def __init__(self) -> None:
        self._last_at = 0.0

    def tick(self) -> None:
        """Ask for a sweep when it is time for one."""
        if time.monotonic() - self._last_at > 1:
            email_sweep_task.apply_async()
            self._last_at = time.monotonic()


def wait_for_status(email: Email, status: EmailStatus, timeout: float = 30) -> Email:
    """Return the e-mail as soon as it has ``status``."""
    wait_until(lambda: Email.objects.filter(pk=email.pk, status=status).exists(), timeout)
    email.refresh_from_db()
    return email


def sweep_until(email: Email, status: EmailStatus, timeout: float = 30) -> Email:
    """The same, with a sweep a second. (RabbitMQ hands the first to a worker that is stopped.)"""
    sweeping = Sweeping()

    def condition() -> bool:
        sweeping.tick()
        return Email.objects.filter(pk=email.pk, status=status).exists()

    wait_until(condition, timeout)
    email.refresh_from_db()
    return email


def sweep_until_all_ended(timeout: float = 40, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Return when no e-mail waits any more; a sweep a second, and ``meanwhile`` again and again."""
    sweeping = Sweeping()

    def condition() -> bool:
        sweeping.tick()
        meanwhile()
        return not Email.objects.filter(status=EmailStatus.SENDING).exists()

    wait_until(condition, timeout)


def leases_run_out() -> None:
    """Let the time pass of all who hold an e-mail at this moment: they are gone, or stopped."""
    Email.objects.filter(lease_token__isnull=False).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def sweep_when_the_lease_is_over(email: Email) -> None:
    """One sweep, as soon as there is something to bring back."""
    wait_until(lambda: Email.objects.filter(pk=email.pk, lease_expires_at__lt=timezone.now()).exists())
    email_sweep_task.apply_async()
