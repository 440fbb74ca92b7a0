"""Staff who may edit people, groups and tokens cannot make more of themselves than they are."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from styleguide_example.api.models import ApiToken
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD, user_confirmed, user_staff

pytestmark = [pytest.mark.once, pytest.mark.django_db]

#: All that could be given to somebody who looks after people, short of making them a superuser.
HELD = ("user", "group", "permission", "apitoken")
NEW_PASSWORD = {"password1": "another Password 7", "password2": "another Password 7", "usable_password": "true"}


@pytest.fixture
def support() -> User:
    """Somebody who holds every permission on people, groups and tokens, by a group."""
    user = user_staff(email="support@example.com")
    group = Group.objects.create(name="Support")
    group.permissions.set(Permission.objects.filter(content_type__model__in=HELD))
    user.groups.add(group)
    return user


@pytest.fixture
def boss() -> User:
    return user_staff(email="boss@example.com", is_superuser=True)


@pytest.fixture
def browser(support: User) -> Client:
    client = Client()
    client.force_login(support)
    return client


def _person(user: User, **changes: Any) -> dict[str, Any]:
    return {"email": user.email, "full_name": user.full_name, "time_zone": "UTC", "is_active": "on", **changes}


def _everything() -> list[str]:
    return [str(pk) for pk in Permission.objects.values_list("pk", flat=True)]


class TestStaff:
    def test_cannot_put_permissions_into_a_group(self, browser: Client, support: User) -> None:
        group = support.groups.get()
        before = support.get_all_permissions()
        wanted = {"name": "Support", "permissions": _everything()}

        for path in (f"/admin/auth/group/{group.pk}/change/", "/admin/auth/group/add/"):
            assert browser.post(path, wanted).status_code == 403
        assert browser.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 403

        assert User.objects.get(pk=support.pk).get_all_permissions() == before
        assert Group.objects.count() == 1

    def test_cannot_make_a_superuser_of_anybody(self, browser: Client, support: User) -> None:
        other = user_confirmed(email="other@example.com")
        privileges = {"is_staff": "on", "is_superuser": "on", "user_permissions": _everything(), "groups": ["1"]}

        for user in (support, other):
            browser.post(f"/admin/users/user/{user.pk}/change/", _person(user, **privileges))
        browser.post("/admin/users/user/add/", {"email": "new@example.com", **NEW_PASSWORD, **privileges})

        assert not User.objects.filter(is_superuser=True).exists()
        assert list(User.objects.filter(is_staff=True)) == [support]
        assert not User.objects.exclude(user_permissions=None).exists()

    def test_cannot_take_the_place_of_a_superuser(self, browser: Client, boss: User) -> None:
        browser.post(f"/admin/users/user/{boss.pk}/password/", NEW_PASSWORD)
        browser.post(f"/admin/users/user/{boss.pk}/change/", _person(boss, email="support@example.com"))
        browser.post(f"/admin/users/user/{boss.pk}/delete/", {"post": "yes"})
        browser.post("/admin/users/user/", {"action": "delete_selected", "_selected_action": [boss.pk], "post": "yes"})

        now = User.objects.get(pk=boss.pk)
        assert now.check_password(PASSWORD)
        assert (now.email, now.is_superuser) == ("boss@example.com", True)

    def test_cannot_make_a_token_of_somebody_else(self, browser: Client, support: User, boss: User) -> None:
        browser.post("/admin/api/apitoken/add/", {"user": boss.pk, "user_id": boss.pk, "name": "mine", "days": "1"})

        assert set(ApiToken.objects.values_list("user_id", flat=True)) == {support.pk}
