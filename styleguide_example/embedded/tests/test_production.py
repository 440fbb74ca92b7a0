import json
import os
import subprocess
import sys

import pytest

from styleguide_example.embedded.environment import PROJECT_DIR, without_project_variables

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.django.production",
    "DJANGO_DEBUG": "True",  # whatever it says
    "SECRET_KEY": "nobody-knows-this-one-0123456789-0123456789-0123456789",
    "ALLOWED_HOSTS": "app.example.com",
    "APP_BASE_URL": "https://app.example.com",
    "DATABASE_URL": "postgres://app:secret@db.example.com/app",
    "CELERY_BROKER_URL": "amqp://app:secret@broker.example.com/app",
    "EMAIL_URL": "smtp+tls://app:secret@mail.example.com:587",
}
QUESTIONS = """
import json, django
django.setup()
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands
from django.urls import NoReverseMatch, Resolver404, resolve, reverse

def raises(error, call, *args):
    try:
        call(*args)
    except error:
        return True
    return False

print(json.dumps({
    "debug": settings.DEBUG,
    "installed": apps.is_installed("styleguide_example.embedded"),
    "address": not raises(Resolver404, resolve, "/mailbox/"),
    "name": not raises(NoReverseMatch, reverse, "embedded:mailbox"),
    "commands": sorted({"embedded_broker", "mail_catcher", "demo_admin", "demo_account"} & set(get_commands())),
}))
"""


@pytest.mark.processes
class TestProduction:
    def test_has_no_mailbox_and_nothing_else_of_this_app(self) -> None:
        done = subprocess.run(  # noqa: S603  the test's own
            [sys.executable, "-c", QUESTIONS],
            cwd=PROJECT_DIR,
            env={**without_project_variables(os.environ), **PRODUCTION},
            capture_output=True,
            text=True,
            check=True,
        )

        assert json.loads(done.stdout) == {
            "debug": False,
            "installed": False,
            "address": False,
            "name": False,
            "commands": [],
        }

    def test_does_not_start_on_one_machine(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "styleguide_example.embedded.run"],
            cwd=PROJECT_DIR,
            env={**without_project_variables(os.environ), **PRODUCTION},
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 1
        assert "config.django.production with DEBUG=False is not for development." in done.stderr
