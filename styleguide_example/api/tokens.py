"""Tokens of clients: made, revoked, looked up."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from styleguide_example.api.models import ApiToken
from styleguide_example.core.exceptions import ConflictError

logger = structlog.get_logger(__name__)

#: Every secret begins so: tools that look for leaked secrets find it by this.
SECRET_PREFIX = "sge_"  # noqa: S105  not a secret itself
SECRET_BYTES = 32
SHOWN_LENGTH = 12

#: So exactly is ``last_used_at`` kept. Reads write once in an hour, so that following a job costs no writes.
CHANGE_NOTED_EVERY = timedelta(minutes=1)
READ_NOTED_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class TokenCreated:
    """The row, and the secret, which nobody can find out again."""

    token: ApiToken
    secret: str

    def __repr__(self) -> str:
        return f"TokenCreated({self.token})"  # a traceback or a log line must not hold the secret


def token_create(*, user: Any, name: str, days: int) -> TokenCreated:
    """Give a client the right to act as ``user`` for so many days. Returns the secret, this one time.

    Raises:
        ConflictError: when it would live longer than ``API_TOKEN_MAX_DAYS``, or not at all.
        django.core.exceptions.ValidationError: when the name is empty or too long.
    """
    if not 1 <= days <= settings.API_TOKEN_MAX_DAYS:
        raise ConflictError(f"A token lives for 1 to {settings.API_TOKEN_MAX_DAYS} days, not {days}.")
    secret = SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    now = timezone.now()
    token = ApiToken(
        user=user,
        name=name,
        prefix=secret[:SHOWN_LENGTH],
        digest=_digest(secret),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    token.full_clean()
    token.save(force_insert=True)
    logger.info("api_credential_created", id=token.pk, user_id=token.user_id)
    return TokenCreated(token=token, secret=secret)


def token_revoke(*, token: ApiToken) -> bool:
    """Refuse the token from now on. Returns whether that changed anything; twice is as good as once."""
    revoked = bool(ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()))
    if revoked:
        logger.info("api_credential_revoked", id=token.pk, user_id=token.user_id)
    token.refresh_from_db(fields=["revoked_at"])
    return revoked


def token_find(*, secret: str) -> ApiToken | None:
    """Return the token with its person, or None. One query; whether it is valid is another matter."""
    return ApiToken.objects.select_related("user").filter(digest=_digest(secret)).first()


def tokens_named(*, text: str) -> list[ApiToken]:
    """Return the tokens that a person means by how the secret begins, or by the whole secret."""
    return list(ApiToken.objects.filter(Q(prefix=text) | Q(digest=_digest(text))))


def token_note_use(*, token: ApiToken, changes: bool) -> None:
    """Keep when the token was last used, as exactly as is worth a write."""
    now = timezone.now()
    before = now - (CHANGE_NOTED_EVERY if changes else READ_NOTED_EVERY)
    noted_at = token.last_used_at or (token.created_at if not changes else None)
    if noted_at is None or noted_at < before:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=before)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
