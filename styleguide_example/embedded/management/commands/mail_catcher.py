"""``manage.py mail_catcher``: takes the mail that the product sends on this machine."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from styleguide_example.embedded.catcher import catcher_start, is_loopback
from styleguide_example.embedded.mailbox import mailbox_directory


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C."""

    help = "Catches the e-mails that the product sends to EMAIL_URL on this machine; read them at /mailbox/."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen where the product sends to."""
        if not is_loopback(settings.EMAIL_HOST):
            raise CommandError("EMAIL_URL names a server on another machine: mail is caught on this one only.")
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        directory = mailbox_directory(settings.VAR_DIR)
        try:
            controller = catcher_start(directory=directory, host=settings.EMAIL_HOST, port=settings.EMAIL_PORT)
        except OSError as error:
            raise CommandError(
                f"Port {settings.EMAIL_PORT} is taken ({error.strerror}). Set another one in EMAIL_URL."
            ) from error
        self.stdout.write(f"Catching mail on {settings.EMAIL_HOST}:{settings.EMAIL_PORT}.")
        ended.wait()
        controller.stop()
