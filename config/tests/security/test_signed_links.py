"""Signed links: whatever is changed in one, it opens nothing.

Expired and used ones are in ``users/tests/test_confirm_view.py``.
"""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from styleguide_example.announcements.models import Announcement
from styleguide_example.announcements.tests.admins import sent
from styleguide_example.announcements.unsubscribing import unsubscribe_url
from styleguide_example.api.tests.clients import secret_client
from styleguide_example.api.tokens import token_create
from styleguide_example.emails.models import Suppression
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD, UserFactory, user_onboarded
from styleguide_example.users.tokens import confirmation_url

pytestmark = [pytest.mark.once, pytest.mark.django_db]

CHOICE = {"new_password1": PASSWORD, "new_password2": PASSWORD}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
#: What can stand in a part of a path; letters beyond ASCII that Python takes for digits among it.
CHARACTERS = st.sampled_from("abcxyzABCXYZ0123456789-_.=~%:+٣३７ßé\u200b")
#: One example is a request or two.
PROPERTY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def tampering(draw: st.DrawFn) -> tuple[str, int, str]:
    """What is done to a token, where in it, and with which character."""
    return draw(st.sampled_from(["put", "take", "insert", "swap", "case"])), draw(st.integers(0, 400)), draw(CHARACTERS)


def tampered(token: str, change: tuple[str, int, str]) -> str:
    """The token with one thing about it changed."""
    how, where, character = change
    at = where % len(token)
    before, here, after = token[:at], token[at], token[at + 1 :]
    return {
        "put": before + character + after,
        "take": before + after,
        "insert": before + character + here + after,
        "swap": before + after[:1] + here + after[1:],
        "case": before + here.swapcase() + after,
    }[how]


class Links:
    """The path of each of the links, with the part in it that is signed."""

    def __init__(self) -> None:
        self.new = UserFactory.create(email="new@example.com")
        self.reader = user_onboarded(email="reader@example.com")
        self.announcement: Announcement = sent()
        *_, self.person, self.confirmation, _ = confirmation_url(user=self.new).split("/")
        *_, self.unsubscribe, _ = unsubscribe_url(announcement=self.announcement, user=self.reader).split("/")

    def confirm_path(self, *, person: str | None = None, token: str | None = None) -> str:
        parts = {"uidb64": person or self.person, "token": token or self.confirmation}
        return reverse("users:confirm", kwargs=parts)

    def unsubscribe_path(self, token: str | None = None) -> str:
        return reverse("announcements:unsubscribe", kwargs={"token": token or self.unsubscribe})


@pytest.fixture
def links() -> Links:
    return Links()


class TestConfirmationLink:
    @PROPERTY
    @given(change=tampering())
    def test_opens_nothing_when_its_token_is_changed(self, links: Links, change: tuple[str, int, str]) -> None:
        token = tampered(links.confirmation, change)
        assume(token not in {links.confirmation, ""})

        assert Client().post(links.confirm_path(token=token), CHOICE).status_code == 410
        assert not User.objects.get(pk=links.new.pk).is_email_confirmed

    @PROPERTY
    @given(change=tampering())
    def test_opens_nothing_when_its_person_is_changed(self, links: Links, change: tuple[str, int, str]) -> None:
        person = tampered(links.person, change)
        assume(person != "" and not self._means(person, links.new))

        assert Client().post(links.confirm_path(person=person), CHOICE).status_code == 410
        assert not User.objects.get(pk=links.new.pk).is_email_confirmed

    @staticmethod
    def _means(person: str, user: User) -> bool:
        """Base64 writes one number in several ways: whoever is meant, it is the person whose token stands beside it."""
        try:
            return int(urlsafe_base64_decode(person)) == user.pk
        except ValueError:
            return False

    def test_is_of_one_person(self, links: Links) -> None:
        other = UserFactory.create(email="other@example.com")
        *_, person, token, _ = confirmation_url(user=other).split("/")

        assert Client().post(links.confirm_path(person=person), CHOICE).status_code == 410
        assert Client().post(links.confirm_path(token=token), CHOICE).status_code == 410
        assert not User.objects.filter(email_confirmed_at__isnull=False).exclude(pk=links.reader.pk).exists()

    def test_is_worth_nothing_as_another_link(self, links: Links) -> None:
        for token in (links.confirmation, f"{links.announcement.pk}.{links.reader.pk}.{links.confirmation}"):
            assert Client().post(links.unsubscribe_path(token), ONE_CLICK).status_code == 404
        assert secret_client(links.confirmation).get("/api/jobs/").status_code == 401
        assert not Suppression.objects.exists()


class TestUnsubscribeLink:
    @PROPERTY
    @given(change=tampering())
    def test_opens_nothing_when_it_is_changed(self, links: Links, change: tuple[str, int, str]) -> None:
        token = tampered(links.unsubscribe, change)
        assume(token not in {links.unsubscribe, ""})

        assert Client().post(links.unsubscribe_path(token), ONE_CLICK).status_code == 404
        assert not Suppression.objects.exists()

    def test_is_worth_nothing_as_another_link(self, links: Links) -> None:
        signature = links.unsubscribe.rpartition(".")[2]
        for token in (links.unsubscribe, signature):
            assert Client().post(links.confirm_path(token=token), CHOICE).status_code == 410
        assert secret_client(links.unsubscribe).get("/api/jobs/").status_code == 401
        assert not User.objects.get(pk=links.new.pk).is_email_confirmed


class TestApiToken:
    @PROPERTY
    @given(change=tampering())
    def test_opens_nothing_when_it_is_changed(self, links: Links, change: tuple[str, int, str]) -> None:
        secret = self._secret(links)
        changed = tampered(secret, change)
        assume(changed != secret and changed.isascii())

        assert secret_client(changed).get("/api/jobs/").status_code == 401

    def test_is_worth_nothing_as_a_link(self, links: Links) -> None:
        secret = self._secret(links)

        assert Client().get(links.confirm_path(token=secret)).status_code == 410
        assert Client().get(links.unsubscribe_path(secret)).status_code == 404

    @staticmethod
    def _secret(links: Links) -> str:
        return token_create(user=links.reader, name="test", days=1).secret
