import re

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from styleguide_example.api.models import ApiToken
from styleguide_example.api.tests.clients import secret_client, token_client
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded, user_staff

pytestmark = pytest.mark.django_db

LIST = reverse("admin:api_apitoken_changelist")
ADD = reverse("admin:api_apitoken_add")
ALL = ("view_apitoken", "add_apitoken", "change_apitoken")


def _staff(*permissions: str, **fields: bool) -> User:
    user = user_staff(email="staff@example.com", **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


class TestApiTokenList:
    @pytest.mark.parametrize(
        ("columns", "state"),
        [
            ({}, "✓ Valid until 2026-12-01 10:00"),
            ({"expires_at": "2026-11-01T10:00Z"}, "✕ Expired 2026-11-01 10:00"),
            ({"revoked_at": "2026-11-02T10:00Z"}, "✕ Revoked 2026-11-02 10:00"),
        ],
    )
    @time_machine.travel("2026-11-10T10:00Z", tick=False)
    def test_says_in_one_column_whether_each_is_valid(self, columns: dict[str, str], state: str) -> None:
        token_client(**{"expires_at": "2026-12-01T10:00Z", **columns})
        page = _signed_in(_staff("view_apitoken")).get(LIST).content.decode()
        assert state in page.replace("\N{NO-BREAK SPACE}", " ")
        assert "never" in page
        assert "<title>API tokens | Fieldnote administration</title>" in page

    @pytest.mark.parametrize(
        ("person", "state"),
        [
            ({"is_active": False}, "✕ The account is closed"),
            ({"email_confirmed_at": None, "onboarding_completed_at": None}, "✕ The address is not confirmed"),
        ],
    )
    def test_says_when_its_person_cannot_come_in(self, person: dict[str, object], state: str) -> None:
        token_client(user_onboarded(**person))
        assert state in _signed_in(_staff("view_apitoken")).get(LIST).content.decode()


class TestApiTokenAdmin:
    def test_finds_the_person_by_the_address(self) -> None:
        ada = user_onboarded(email="ada@example.com")
        client = _signed_in(_staff(is_superuser=True))

        page = client.get(ADD).content.decode()
        field = {"app_label": "api", "model_name": "apitoken", "field_name": "user", "term": "ada@"}
        found = client.get(reverse("admin:autocomplete"), field).json()

        assert 'class="admin-autocomplete"' in page
        assert found["results"] == [{"id": str(ada.pk), "text": "ada@example.com"}]

    def test_shows_a_new_secret_once(self) -> None:
        client = _signed_in(_staff(*ALL))

        page = client.post(ADD, {"name": "export", "days": "30"})

        secret = re.search(r"sge_[\w-]{43}", page.content.decode())
        assert secret is not None
        assert secret_client(secret[0]).get("/api/jobs/").status_code == 200
        assert "no-store" in page.headers["Cache-Control"]
        token = ApiToken.objects.get()
        later = [client.get(LIST), client.get(reverse("admin:api_apitoken_change", args=[token.pk]))]
        assert all(secret[0] not in shown.content.decode() for shown in later)
        assert all(token.digest not in shown.content.decode() for shown in later)
        assert secret[0] not in str(LogEntry.objects.values().get())
        assert secret[0] not in str(client.cookies)

    def test_makes_tokens_for_oneself_alone(self) -> None:
        staff, other = _staff(*ALL), user_onboarded()

        _signed_in(staff).post(ADD, {"name": "export", "days": "30", "user": str(other.pk)})

        assert ApiToken.objects.get().user == staff

    def test_lets_a_superuser_make_them_for_anybody(self) -> None:
        other = user_onboarded()

        _signed_in(_staff(is_superuser=True)).post(ADD, {"name": "export", "days": "30", "user": str(other.pk)})

        assert ApiToken.objects.get().user == other

    @pytest.mark.parametrize("days", ["0", "366", "x", ""])
    def test_refuses_one_that_lives_too_long_or_not_at_all(self, days: str) -> None:
        page = _signed_in(_staff(*ALL)).post(ADD, {"name": "export", "days": days})

        assert "errorlist" in page.content.decode()
        assert not ApiToken.objects.exists()

    def test_revokes(self) -> None:
        client = token_client()
        token = ApiToken.objects.get()

        page = _signed_in(_staff(*ALL)).post(LIST, {"action": "revoke", "_selected_action": [token.pk]}, follow=True)

        assert "1 revoked." in page.content.decode()
        assert client.get("/api/jobs/").status_code == 401
        assert LogEntry.objects.get().change_message == "revoked"

    def test_changes_and_deletes_nothing(self) -> None:
        token_client()
        token = ApiToken.objects.get()
        client = _signed_in(_staff(is_superuser=True))

        change = client.post(reverse("admin:api_apitoken_change", args=[token.pk]), {"name": "other"})
        delete = client.post(reverse("admin:api_apitoken_delete", args=[token.pk]), {"post": "yes"})

        assert (change.status_code, delete.status_code) == (403, 403)

    def test_does_for_staff_what_they_may(self) -> None:
        token_client()
        token = ApiToken.objects.get()
        client = _signed_in(_staff("view_apitoken"))

        client.post(LIST, {"action": "revoke", "_selected_action": [token.pk]})

        assert client.get(LIST).status_code == 200
        assert client.get(ADD).status_code == 403
        assert ApiToken.objects.get().is_valid
