"""Production refuses to start without its own decisions, and holds nothing that is for developers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import BASE_DIR

COMPLETE = {
    "SECRET_KEY": "made-up-for-this-test-only-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "app.example.com",
    "APP_BASE_URL": "https://app.example.com",
    "DATABASE_URL": "postgres://app:made-up@db.example.com/app",
    "CELERY_BROKER_URL": "amqps://app:made-up@broker.example.com/app",
    "EMAIL_URL": "smtp+tls://app:made-up@mail.example.com:587",
}
WHAT_IS_INSTALLED = """
import django
django.setup()
from django.apps import apps
from django.conf import settings
from django.urls import Resolver404, resolve
assert not settings.DEBUG
assert not [app.name for app in apps.get_app_configs() if "embedded" in app.name]
assert resolve("/admin/")
try:
    resolve("/mailbox/")
except Resolver404:
    print("no mailbox")
"""


def _python(*arguments: str, directory: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        **{name: value for name, value in os.environ.items() if name not in COMPLETE and name != "DJANGO_DEBUG"},
        "DJANGO_SETTINGS_MODULE": "config.django.production",
        "VAR_DIR": str(directory),
        **COMPLETE,
        **variables,
    }
    return subprocess.run(  # noqa: S603  this test's own interpreter
        [sys.executable, *arguments], cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )


class TestProduction:
    @pytest.mark.parametrize("missing", COMPLETE)
    def test_refuses_to_start_without(self, tmp_path: Path, missing: str) -> None:
        # Empty rather than absent, so that somebody's .env does not fill it in.
        result = _python("-c", "import config.django.production", directory=tmp_path, **{missing: ""})
        assert result.returncode == 1
        last = result.stderr.strip().splitlines()[-1]
        assert last.endswith(f"Production needs {missing} in the environment. .env.example says what each is for.")

    def test_names_all_that_is_missing_at_once(self, tmp_path: Path) -> None:
        result = _python("-c", "import config.django.production", directory=tmp_path, **dict.fromkeys(COMPLETE, ""))
        assert "Production needs SECRET_KEY, ALLOWED_HOSTS, APP_BASE_URL," in result.stderr

    def test_passes_djangos_deploy_check(self, tmp_path: Path) -> None:
        result = _python("manage.py", "check", "--deploy", "--fail-level", "WARNING", directory=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "no issues" in result.stdout

    def test_is_refused_by_the_deploy_check_with_faults_on_purpose(self, tmp_path: Path) -> None:
        result = _python("manage.py", "check", "--deploy", directory=tmp_path, EMAIL_SENDING_FAILURE_TRIGGER="True")
        assert result.returncode == 1
        assert "emails.E002" in result.stderr

    def test_has_neither_mailbox_nor_debug_pages_whatever_the_environment_says(self, tmp_path: Path) -> None:
        result = _python("-c", WHAT_IS_INSTALLED, directory=tmp_path, DJANGO_DEBUG="True")
        assert (result.returncode, result.stdout.strip()) == (0, "no mailbox"), result.stderr
