import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from styleguide_example.embedded.management.commands.demo_admin import ADDRESS
from styleguide_example.users.models import User

pytestmark = pytest.mark.django_db


def _run() -> str:
    output = StringIO()
    call_command("demo_admin", stdout=output)
    return output.getvalue()


class TestDemoAdmin:
    def test_creates_an_administrator_and_shows_the_password(self, settings: Settings) -> None:
        settings.DEBUG = True

        shown = re.search(r"password (\S+) ", _run())

        admin = User.objects.get(email=ADDRESS)
        assert admin.is_staff
        assert admin.is_superuser
        assert shown
        assert admin.check_password(shown.group(1))

    def test_says_nothing_when_there_is_one(self, settings: Settings) -> None:
        settings.DEBUG = True
        _run()

        assert _run() == ""
        assert User.objects.count() == 1

    def test_makes_nobody_an_administrator_who_signed_up(self, settings: Settings) -> None:
        settings.DEBUG = True
        User.objects.create_user(ADDRESS)

        assert "Create one with manage.py createsuperuser" in _run()
        assert not User.objects.filter(is_superuser=True).exists()

    def test_refuses_without_debug(self) -> None:
        with pytest.raises(CommandError, match="Only with DEBUG"):
            _run()

        assert not User.objects.exists()
