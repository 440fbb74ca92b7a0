"""``manage.py embedded_broker``: becomes the embedded profile's broker."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from styleguide_example.embedded.broker import BrokerError, broker_command, broker_directory
from styleguide_example.embedded.locks import LockHeldError, lock_take


class Command(BaseCommand):
    """Replaces itself by the server, so that signals reach it and its exit code is the server's."""

    help = "Runs the embedded broker, unless CELERY_BROKER_URL names another one."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the server with the lock in hand: two of them would write one file."""
        try:
            command = broker_command(broker_url=settings.CELERY_BROKER_URL, var_dir=settings.VAR_DIR)
            if command is None:
                self.stdout.write("CELERY_BROKER_URL names another broker: there is nothing to start.")
                return
            lock_take(broker_directory(settings.VAR_DIR) / "lock")
        except BrokerError as error:
            raise CommandError(str(error)) from error
        except LockHeldError as error:
            raise CommandError(
                f"A broker already runs in {settings.VAR_DIR}. Stop it, or set another VAR_DIR."
            ) from error
        os.execv(command[0], command)  # noqa: S606  made by broker_command, of nobody's input
