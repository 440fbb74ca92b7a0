import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.models import Email
from styleguide_example.users.models import User
from styleguide_example.users.services import user_create
from styleguide_example.users.tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


class TestUserCreate:
    def test_saves_the_address_in_lower_case(self) -> None:
        user = user_create(email=" Ada@Example.COM ")

        assert User.objects.get(pk=user.pk).email == "ada@example.com"

    def test_saves_the_domain_in_the_form_that_email_uses(self) -> None:
        user = user_create(email="ada@Bücher.example")

        assert User.objects.get(pk=user.pk).email == "ada@xn--bcher-kva.example"

    def test_refuses_an_address_that_is_taken_in_another_spelling_of_its_domain(self) -> None:
        UserFactory.create(email="ada@xn--bcher-kva.example")

        with pytest.raises(ConflictError, match="exists"):
            user_create(email="ada@bücher.example")

    def test_leaves_somebody_without_a_password_unable_to_sign_in(self) -> None:
        user = user_create(email="ada@example.com")

        assert not user.has_usable_password()
        assert user.email_confirmed_at is None

    def test_hashes_the_password(self) -> None:
        user = user_create(email="ada@example.com", password=PASSWORD)

        assert PASSWORD not in user.password
        assert User.objects.get(pk=user.pk).check_password(PASSWORD)

    def test_sends_nothing(self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            user_create(email="ada@example.com")

        assert callbacks == []
        assert not Email.objects.exists()

    def test_refuses_an_address_that_is_taken_in_another_case(self) -> None:
        UserFactory.create(email="ada@example.com")

        with pytest.raises(ConflictError, match="exists"):
            user_create(email="ADA@example.com")

    def test_leaves_the_transaction_of_the_caller_usable_when_it_refuses(self) -> None:
        UserFactory.create(email="ada@example.com")

        with transaction.atomic():
            with pytest.raises(ConflictError):
                user_create(email="ada@example.com")
            user_create(email="grace@example.com")

        assert User.objects.filter(email="grace@example.com").exists()

    @pytest.mark.parametrize("email", ["", "ada", "ada@", "Ada <a@b.com>", "ada@example.com\r\nBcc: eve@example.com"])
    def test_refuses_what_is_not_an_address(self, email: str) -> None:
        with pytest.raises(ValidationError):
            user_create(email=email)

    @pytest.mark.parametrize(
        "email",
        ['""@example.com', '"\x01"@example.com', "a@אa.com", f"a@{'ü' * 63}.com", "a@faß.de", "a@ex\u00adam.com"],
    )
    def test_refuses_what_email_could_not_be_sent_to(self, email: str) -> None:
        with pytest.raises(ValidationError):
            user_create(email=email)

        assert not User.objects.exists()

    @pytest.mark.parametrize("name", ["Ada\r\nBcc: eve@example.com", "Ada\x00", "Ada\u2028", "\u202eadA"])
    def test_refuses_a_name_that_is_not_one_readable_line(self, name: str) -> None:
        with pytest.raises(ValidationError):
            user_create(email="ada@example.com", full_name=name)

    @pytest.mark.parametrize("name", ["Zoë O'Hara-Müller", "李小龍", "نیم\u200cروز"])
    def test_takes_names_of_all_languages(self, name: str) -> None:
        assert user_create(email="ada@example.com", full_name=name).full_name == name
