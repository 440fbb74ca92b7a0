import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from styleguide_example.api.tests.clients import token_client
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD, UserFactory, user_confirmed, user_onboarded, user_staff

pytestmark = pytest.mark.django_db

LIST = reverse("admin:users_user_changelist")
ADD = reverse("admin:users_user_add")
EVERYTHING = ("view_user", "add_user", "change_user", "delete_user")


def _change(user: User) -> str:
    return reverse("admin:users_user_change", args=[user.pk])


def _staff_client(*permissions: str) -> Client:
    """A browser of staff who may do this and no more."""
    user = user_staff()
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def _superuser_client() -> Client:
    client = Client()
    client.force_login(user_staff(is_superuser=True))
    return client


class TestUserAdmin:
    def test_lists_searches_and_filters(self) -> None:
        found, other = user_onboarded(email="found@example.com"), UserFactory.create(email="other@example.com")

        page = _staff_client("view_user").get(LIST, {"q": "FOUND@", "email_confirmed_at__isempty": "0"})

        assert found.email in page.content.decode()
        assert other.email not in page.content.decode()

    def test_adds_somebody_with_a_password(self) -> None:
        data = {"email": "New@Example.com", "full_name": "New", "usable_password": "true"}

        response = _superuser_client().post(ADD, {**data, "password1": PASSWORD, "password2": PASSWORD})

        user = User.objects.get(email="new@example.com")
        assert response.headers["Location"] == _change(user)
        assert user.check_password(PASSWORD)
        assert not user.is_email_confirmed
        assert not user.is_staff

    def test_adds_somebody_who_chooses_a_password_later(self) -> None:
        _superuser_client().post(ADD, {"email": "new@example.com", "full_name": "", "usable_password": "false"})

        assert not User.objects.get(email="new@example.com").has_usable_password()

    @pytest.mark.parametrize("email", ["ada@example.com", "ADA@example.com", "nonsense", "a@faß.de", '""@example.com'])
    def test_explains_an_address_that_is_taken_or_wrong(self, email: str) -> None:
        UserFactory.create(email="ada@example.com")

        response = _superuser_client().post(ADD, {"email": email, "usable_password": "false"})

        assert response.status_code == 200
        assert "errorlist" in response.content.decode()
        assert User.objects.filter(is_staff=False).count() == 1

    def test_stores_the_domain_in_the_form_that_email_uses(self) -> None:
        _superuser_client().post(ADD, {"email": "new@bücher.example", "full_name": "", "usable_password": "false"})

        assert User.objects.filter(email="new@xn--bcher-kva.example").exists()

    def test_lets_no_browser_send_another_domain_than_the_one_typed(self) -> None:
        field = html.document_fromstring(_superuser_client().get(ADD).content.decode()).get_element_by_id("id_email")

        assert (field.get("type"), field.get("inputmode")) == ("text", "email")

    def test_changes_what_was_changed_and_nothing_else(self) -> None:
        user = user_onboarded(full_name="Ada", time_zone="Asia/Tokyo")
        data = {"full_name": "Ada L.", "time_zone": "Asia/Tokyo", "email": "eve@example.com"}

        response = _superuser_client().post(_change(user), data)

        saved = User.objects.get(pk=user.pk)
        assert response.headers["Location"] == LIST
        assert (saved.full_name, saved.is_active, saved.email) == ("Ada L.", False, user.email)
        assert saved.email_confirmed_at == user.email_confirmed_at
        assert saved.password == user.password

    def test_shows_the_change_form_with_the_facts_read_only(self) -> None:
        page = _superuser_client().get(_change(user_onboarded())).content.decode()

        assert 'name="email"' not in page
        assert 'name="email_confirmed_at' not in page
        assert 'name="is_superuser"' in page

    def test_deletes_with_a_person_what_nobody_deletes_alone(self) -> None:
        user = user_confirmed()
        token_client(user)
        url = reverse("admin:users_user_delete", args=[user.pk])

        client = _staff_client(*EVERYTHING)
        assert "API token" in client.get(url).content.decode()
        client.post(url, {"post": "yes"})

        assert not User.objects.filter(pk=user.pk).exists()

    def test_deletes(self) -> None:
        user = user_confirmed()

        _staff_client(*EVERYTHING).post(reverse("admin:users_user_delete", args=[user.pk]), {"post": "yes"})

        assert not User.objects.filter(pk=user.pk).exists()


class TestUserAdminPermissions:
    @pytest.mark.parametrize("path", [LIST, ADD])
    def test_is_closed_to_staff_without_the_permission(self, path: str) -> None:
        assert _staff_client().get(path).status_code == 403

    def test_is_closed_to_strangers_and_to_people_who_are_not_staff(self, client: Client) -> None:
        assert client.get(LIST).status_code == 302
        client.force_login(user_onboarded())
        assert client.get(LIST, follow=True).status_code == 403

    def test_lets_staff_who_may_view_change_nothing(self) -> None:
        user = user_confirmed(full_name="Ada")

        response = _staff_client("view_user").post(_change(user), {"full_name": "Eve", "time_zone": "UTC"})

        assert response.status_code == 403
        assert User.objects.get(pk=user.pk).full_name == "Ada"

    def test_lets_staff_change_people_without_giving_them_privileges(self) -> None:
        user = user_confirmed()
        data = {"full_name": "Ada", "time_zone": "UTC", "is_active": "on", "is_staff": "on", "is_superuser": "on"}

        _staff_client(*EVERYTHING).post(_change(user), data)

        saved = User.objects.get(pk=user.pk)
        assert saved.full_name == "Ada"
        assert (saved.is_staff, saved.is_superuser) == (False, False)

    @pytest.mark.parametrize("privileges", [{"is_superuser": True}, {"is_superuser": False}])
    def test_keeps_staff_away_from_people_with_privileges(self, privileges: dict[str, bool]) -> None:
        other = user_staff(**privileges)
        client = _staff_client(*EVERYTHING)
        password = reverse("admin:auth_user_password_change", args=[other.pk])

        answers = [
            client.post(_change(other), {"full_name": "Eve", "time_zone": "UTC"}),
            client.post(password, {"password1": "taken over now", "password2": "taken over now"}),
            client.post(reverse("admin:users_user_delete", args=[other.pk]), {"post": "yes"}),
        ]

        assert [answer.status_code for answer in answers] == [403, 403, 403]
        saved = User.objects.get(pk=other.pk)
        assert saved.check_password(PASSWORD)
        assert saved.full_name == ""

    def test_keeps_people_with_privileges_out_of_a_deleted_selection(self) -> None:
        other = user_staff(is_superuser=True)

        _staff_client(*EVERYTHING).post(
            LIST, {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"}
        )

        assert User.objects.filter(pk=other.pk).exists()

    def test_lets_a_superuser_set_a_password(self) -> None:
        user = user_confirmed()
        data = {"usable_password": "true", "password1": "a brand new secret", "password2": "a brand new secret"}

        _superuser_client().post(reverse("admin:auth_user_password_change", args=[user.pk]), data)

        assert User.objects.get(pk=user.pk).check_password("a brand new secret")
