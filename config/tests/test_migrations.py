import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db


class TestMigrations:
    def test_match_the_models(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("makemigrations", check=True, dry_run=True)
        assert "No changes detected" in capsys.readouterr().out
