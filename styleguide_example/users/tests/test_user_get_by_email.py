import pytest

from styleguide_example.users.selectors import user_get, user_get_by_email
from styleguide_example.users.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


class TestUserGetByEmail:
    @pytest.mark.parametrize("written", ["ada@example.com", "ADA@Example.com", "  ada@example.com\n"])
    def test_finds_the_person_however_the_address_is_written(self, written: str) -> None:
        user = UserFactory.create(email="ada@example.com")

        assert user_get_by_email(email=written) == user

    @pytest.mark.parametrize("written", ["ada@bücher.example", "ada@xn--bcher-kva.example"])
    def test_finds_the_person_in_either_spelling_of_the_domain(self, written: str) -> None:
        user = UserFactory.create(email="ada@xn--bcher-kva.example")

        assert user_get_by_email(email=written) == user

    @pytest.mark.parametrize("written", ["ada@ex\u00adample.com", "ada@אa.com", f"ada@{'ü' * 63}.com", ""])
    def test_returns_none_for_what_nobody_can_have(self, written: str) -> None:
        UserFactory.create(email="ada@example.com")

        assert user_get_by_email(email=written) is None

    def test_returns_none_for_nobody(self) -> None:
        UserFactory.create()

        assert user_get_by_email(email="grace@example.com") is None


class TestUserGet:
    def test_finds_the_person(self) -> None:
        user = UserFactory.create()

        assert user_get(user_id=user.pk) == user

    def test_returns_none_for_nobody(self) -> None:
        assert user_get(user_id=404) is None
