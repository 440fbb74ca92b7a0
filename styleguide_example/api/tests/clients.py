"""Clients of the API for tests: with a token, or signed in."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from styleguide_example.api.models import ApiToken
from styleguide_example.api.tokens import token_create
from styleguide_example.users.tests.factories import user_onboarded


def token_client(user: Any = None, **token: Any) -> Client:
    """A client that sends a token of ``user``; ``token`` changes columns of its row."""
    created = token_create(user=user or user_onboarded(), name="test", days=1)
    if token:
        ApiToken.objects.filter(pk=created.token.pk).update(**token)
    return secret_client(created.secret)


def secret_client(secret: str) -> Client:
    """A client that sends this secret."""
    return Client(headers={"Authorization": f"Bearer {secret}"})


def session_client(user: Any = None, *, checks_csrf: bool = False) -> Client:
    """Somebody who is signed in on our pages."""
    client = Client(enforce_csrf_checks=checks_csrf)
    client.force_login(user or user_onboarded())
    return client


def tokens_refused() -> dict[str, Client]:
    """Clients that must not come in, by the reason."""
    past = timezone.now() - timedelta(seconds=1)
    return {
        "nothing": Client(),
        "unknown": secret_client("sge_" + "x" * 43),
        "empty": secret_client(""),
        "another scheme": Client(headers={"Authorization": "Basic YWRhOmFkYQ=="}),
        "expired": token_client(expires_at=past),
        "revoked": token_client(revoked_at=past),
        "closed account": token_client(user_onboarded(is_active=False)),
        "unconfirmed": token_client(user_onboarded(email_confirmed_at=None, onboarding_completed_at=None)),
        "signed in, unconfirmed": session_client(user_onboarded(email_confirmed_at=None, onboarding_completed_at=None)),
    }
