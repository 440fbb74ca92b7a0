"""Who looks at e-mails in the admin, where, and what they read there."""

import uuid
from html import unescape
from typing import Any

from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from styleguide_example.emails.models import Email
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_staff

LIST = reverse("admin:emails_email_changelist")
ACT = reverse("admin:emails_email_act")


def staff_make(*permissions: str) -> User:
    """Somebody of the staff who holds these permissions."""
    person = user_staff(email="person@example.com")
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return User.objects.get(pk=person.pk)


def page_of(email: Email, name: str = "change", *more: int) -> str:
    return reverse(f"admin:emails_email_{name}", args=[email.pk, *more])


def text_of(response: Any) -> str:
    """What a page says, its entities read."""
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200
    return unescape(response.content.decode())


def choose(client: Client, action: str, *emails: Email) -> str:
    """Tick e-mails in the list and press Go: the page that asks."""
    data = {"action": action, "_selected_action": [str(email.pk) for email in emails]}
    return text_of(client.post(LIST, data, follow=True))


def act(client: Client, action: str, *emails: Email, **more: str) -> str:
    """Say yes on the page that asks."""
    keys = [str(email.pk) for email in emails]
    data = {"action": action, "confirmed": "1", "key": keys, "once": str(uuid.uuid4()), **more}
    return text_of(client.post(ACT, data, follow=True))
