import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Suppression
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_staff

pytestmark = pytest.mark.django_db

LIST = reverse("admin:emails_suppression_changelist")
ADD = reverse("admin:emails_suppression_add")


def _staff(*permissions: str) -> User:
    user = user_staff(email="person@example.com")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def suppressions() -> list[Suppression]:
    suppression_add(address="ada@example.org", reason=SuppressionReason.BOUNCED, note="550 no such person")
    suppression_add(address="grenada@example.org", reason=SuppressionReason.UNSUBSCRIBED)
    return list(Suppression.objects.order_by("pk"))


class TestSuppressionAdmin:
    def test_lists_addresses_for_those_who_may_see_them(self, client: Client, suppressions: list[Suppression]) -> None:
        client.force_login(_staff("view_suppression"))
        page = client.get(LIST).content.decode()
        assert "ada@example.org" in page
        assert "Its reader unsubscribed" in page
        page = client.get(reverse("admin:emails_suppression_change", args=[suppressions[0].pk])).content.decode()
        assert "550 no such person" in page

    def test_is_closed_to_staff_without_the_permission(self, client: Client) -> None:
        client.force_login(_staff())
        assert client.get(LIST).status_code == 403

    def test_finds_the_whole_address_however_it_is_written(
        self, client: Client, suppressions: list[Suppression]
    ) -> None:
        client.force_login(_staff("view_suppression"))
        page = client.get(LIST, {"q": " ADA@example.org "}).content.decode()
        assert ">ada@example.org<" in page
        assert "grenada" not in page

    def test_removes_with_the_permission_and_notes_who_did(
        self, client: Client, suppressions: list[Suppression]
    ) -> None:
        ada = suppressions[0]
        url = reverse("admin:emails_suppression_delete", args=[ada.pk])
        client.force_login(_staff("view_suppression", "delete_suppression"))
        client.post(url, {"post": "yes"})
        assert not Suppression.objects.filter(pk=ada.pk).exists()
        assert "ada@" not in LogEntry.objects.get().object_repr

    def test_removes_nothing_without_it(self, client: Client, suppressions: list[Suppression]) -> None:
        url = reverse("admin:emails_suppression_delete", args=[suppressions[0].pk])
        client.force_login(_staff("view_suppression"))
        assert client.post(url, {"post": "yes"}).status_code == 403
        assert Suppression.objects.count() == 2

    def test_adds_one_by_hand_with_the_permission(self, client: Client) -> None:
        client.force_login(_staff("view_suppression", "add_suppression"))
        client.post(ADD, {"address": " Ada@Example.org ", "note": "She asked for it", "reason": "bounced"})
        ada = Suppression.objects.get()
        assert (ada.address, ada.reason, ada.note) == ("ada@example.org", "by_hand", "She asked for it")
        assert "ada@" not in LogEntry.objects.get().object_repr
        assert "Added by hand" in client.get(LIST).content.decode()

    def test_adds_none_without_it(self, client: Client) -> None:
        client.force_login(_staff("view_suppression", "change_suppression"))
        assert client.get(ADD).status_code == 403
        assert client.post(ADD, {"address": "ada@example.org"}).status_code == 403
        assert not Suppression.objects.exists()

    @pytest.mark.parametrize(
        ("address", "problem"),
        [
            ("ada", "is not valid"),
            ("Ada <ada@example.net>", "Give the bare address"),
            ("ADA@example.org", "gets no e-mail written to many already"),
        ],
    )
    def test_refuses_what_is_no_address_or_there_already(
        self, client: Client, suppressions: list[Suppression], address: str, problem: str
    ) -> None:
        client.force_login(_staff("add_suppression"))
        assert problem in client.post(ADD, {"address": address}).content.decode()
        assert Suppression.objects.count() == 2
        url = reverse("admin:emails_suppression_change", args=[suppressions[0].pk])
        assert client.post(url, {"address": "eve@example.org"}).status_code == 403
