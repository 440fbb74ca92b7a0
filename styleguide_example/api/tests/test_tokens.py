from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from styleguide_example.api.models import ApiToken
from styleguide_example.api.tests.clients import secret_client, token_client
from styleguide_example.api.tokens import token_create, token_find, token_revoke
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.users.tests.factories import UserFactory, user_onboarded

pytestmark = pytest.mark.django_db


class TestTokenCreate:
    def test_returns_a_secret_that_lets_its_person_in(self) -> None:
        created = token_create(user=user_onboarded(), name="export", days=30)

        assert token_find(secret=created.secret) == created.token
        assert created.token.is_valid

    def test_keeps_no_secret(self) -> None:
        with capture_logs() as logs:
            created = token_create(user=user_onboarded(), name="export", days=30)

        stored = str(ApiToken.objects.values().get())
        assert created.secret not in stored + str(logs) + repr(created)
        assert created.secret.startswith(created.token.prefix)
        assert len(created.secret) - len(created.token.prefix) >= 35  # characters of 6 bits that nobody sees

    def test_never_makes_the_same_twice(self) -> None:
        user = user_onboarded()

        assert len({token_create(user=user, name="x", days=1).secret for _ in range(50)}) == 50

    @pytest.mark.parametrize("days", [-1, 0, 366])
    def test_refuses_one_that_lives_too_long_or_not_at_all(self, days: int) -> None:
        with pytest.raises(ConflictError, match="1 to 365 days"):
            token_create(user=user_onboarded(), name="export", days=days)

    @pytest.mark.parametrize("name", ["", "x" * 101])
    def test_refuses_a_name_that_is_none(self, name: str) -> None:
        with pytest.raises(ValidationError):
            token_create(user=user_onboarded(), name=name, days=1)

    def test_makes_one_that_ends(self) -> None:
        token = token_create(user=user_onboarded(), name="export", days=2).token

        with time_machine.travel(timezone.now() + timedelta(days=2, seconds=1)):
            assert not token.is_valid


class TestTokenRevoke:
    def test_ends_it_at_once(self) -> None:
        token = token_create(user=user_onboarded(), name="export", days=1).token

        assert token_revoke(token=token)

        assert not token.is_valid
        assert not ApiToken.objects.get().is_valid

    def test_is_the_same_twice(self) -> None:
        token = token_create(user=user_onboarded(), name="export", days=1).token
        token_revoke(token=token)
        revoked_at = token.revoked_at

        assert not token_revoke(token=token)
        assert token.revoked_at == revoked_at


def _call(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


class TestApiTokenCreateCommand:
    def test_prints_the_secret_and_nothing_else(self) -> None:
        user_onboarded(email="ada@example.com")

        out, err = _call("api_token_create", "Ada@Example.com", "--name", "export", "--days", "7")

        assert secret_client(out.strip()).get("/api/jobs/").status_code == 200
        assert "export (sge_" in err
        assert ApiToken.objects.get().expires_at - timezone.now() > timedelta(days=6)

    def test_says_what_is_wrong(self, settings: Settings) -> None:
        user_onboarded(email="ada@example.com")

        with pytest.raises(CommandError, match="Nobody has the address"):
            _call("api_token_create", "nobody@example.com", "--name", "x")
        with pytest.raises(CommandError, match="1 to 365 days"):
            _call("api_token_create", "ada@example.com", "--name", "x", "--days", "900")
        with pytest.raises(CommandError, match="at most 100 characters"):
            _call("api_token_create", "ada@example.com", "--name", "x" * 101)

    def test_says_when_the_person_may_not_come_in(self) -> None:
        UserFactory.create(email="unconfirmed@example.com")

        _, err = _call("api_token_create", "unconfirmed@example.com", "--name", "x")

        assert "will not work" in err


class TestApiTokenRevokeCommand:
    @pytest.mark.parametrize("whole", [True, False])
    def test_takes_the_whole_or_the_beginning(self, *, whole: bool) -> None:
        created = token_create(user=user_onboarded(), name="export", days=1)

        out, _ = _call("api_token_revoke", created.secret if whole else created.token.prefix)

        assert "is revoked" in out
        assert secret_client(created.secret).get("/api/jobs/").status_code == 401

    def test_says_when_there_is_none(self) -> None:
        token_client()

        with pytest.raises(CommandError, match="no such token"):
            _call("api_token_revoke", "sge_nothing")
