"""Who calls: a client with a token, or a person who is signed in."""

from typing import Any

from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from styleguide_example.api import tokens
from styleguide_example.api.models import ApiToken

_SCHEME = "bearer"


def _may_come_in(user: Any) -> bool:
    """An address that nobody has confirmed could be anybody's."""
    return bool(user.is_active and user.is_email_confirmed)


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer <token>``, RFC 6750. One query."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        """Return the person and the token, or None without a Bearer header.

        Raises:
            AuthenticationFailed: one answer for a token that is unknown, expired, revoked, or of a closed account, so
                that it does not tell which.
        """
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        token = tokens.token_find(secret=secret.strip())
        if token is None or not token.is_valid or not _may_come_in(token.user):
            raise AuthenticationFailed("The token is not valid, or no longer.")
        tokens.token_note_use(token=token, changes=request.method not in SAFE_METHODS)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Return what goes with a 401; it tells a wrong token from none (RFC 6750 3)."""
        is_wrong = request.headers.get("Authorization", "").lower().startswith(_SCHEME)
        return 'Bearer realm="api", error="invalid_token"' if is_wrong else 'Bearer realm="api"'


class SessionAuthentication(authentication.SessionAuthentication):
    """A person who is signed in on our pages. Whatever changes something needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the person, or None when nobody is signed in."""
        authenticated = super().authenticate(request)
        if authenticated is None or not _may_come_in(authenticated[0]):
            return None
        return authenticated
