"""The whole path, as a person walks it."""

import pytest
from django.test import Client
from django.urls import reverse
from structlog.testing import capture_logs

from styleguide_example.emails.models import Email
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import PASSWORD
from styleguide_example.users.tests.letters import letters_to, link_in

ADDRESS = "ada@example.com"


def _walk(client: Client) -> str:
    """From the landing page to the end of onboarding. Returns the path of the link that was in the e-mail."""
    client.post(reverse("users:sign-up"), {"email": ADDRESS})
    link = link_in(letters_to(ADDRESS)[0])
    client.post(link, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    client.post(reverse("users:onboarding"), {"full_name": "Ada Lovelace"})
    client.post(reverse("users:onboarding"), {"time_zone": "Europe/London"})
    return link


@pytest.mark.django_db(transaction=True)
class TestSignUpFlow:
    def test_ends_at_home_with_two_emails_asked_for(self, client: Client) -> None:
        _walk(client)

        assert "You are set, Ada Lovelace" in client.get(reverse("users:home")).content.decode()
        assert User.objects.get(email=ADDRESS).is_onboarded
        emails = letters_to(ADDRESS)
        assert [email.category for email in emails] == ["confirmation", "welcome"]
        assert {email.status for email in emails} == {Email.Status.SENDING}

    def test_logs_what_happened_without_address_name_or_token(self, client: Client) -> None:
        with capture_logs() as lines:
            link = _walk(client)

        ours = [line for line in lines if str(line["event"]).startswith("user_")]
        assert [line["event"] for line in ours] == [
            "user_created",
            "user_sign_up_asked",
            "user_email_confirmed",
            "user_onboarding_completed",
        ]
        token = link.rstrip("/").rpartition("/")[2]
        assert not [line for line in ours if any(word in str(line) for word in (ADDRESS, "Ada", token, PASSWORD))]
