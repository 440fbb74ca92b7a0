"""What can be done to a person: the one door for other apps."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from styleguide_example.common.services import model_update
from styleguide_example.core.enums import Priority
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.services import email_create_from_template, email_queue
from styleguide_example.users.models import User, address_reachable
from styleguide_example.users.selectors import user_get_by_email
from styleguide_example.users.tokens import confirmation_url

logger = structlog.get_logger(__name__)


def user_create(*, email: str, password: str | None = None, full_name: str = "", language: str = "") -> User:
    """Save a new person whose address is not confirmed. Sends nothing.

    Without a password nobody can sign in; the person chooses one behind the link that :func:`user_sign_up` sends.

    Raises:
        ConflictError: when the address is taken.
        django.core.exceptions.ValidationError: when address, name or language are not valid.
    """
    try:
        # A savepoint: on PostgreSQL the caller's transaction would be unusable after the error.
        with transaction.atomic():
            user = User.objects.create_user(email, password, full_name=full_name, language=language)
    except IntegrityError as error:
        raise ConflictError("A person with this address exists. Ask for it with user_get_by_email.") from error
    logger.info("user_created", user_id=user.pk)
    return user


@transaction.atomic
def user_sign_up(*, email: str, language: str = "") -> None:
    """Write to this address what its reader can do next, and return nothing: the caller must not learn who is known.

    An unknown address becomes a person without a password and gets the link that confirms it; an unconfirmed one gets
    such a link again; a confirmed one gets told that an account exists. Every case commits one e-mail that is asked
    for, with about the same work, so that neither the answer nor its time tells them apart.

    ``language`` is that of the page. A new person keeps it, and somebody who has none gets this e-mail in it.

    Raises:
        django.core.exceptions.ValidationError: when e-mail could not be sent to the address.
    """
    address_reachable(email)
    user = user_get_by_email(email=email)
    if user is None:
        try:
            user = user_create(email=email, language=language)
        except ConflictError:
            # Somebody else signed the same address up between the question and the answer.
            user = User.objects.get_by_natural_key(email)
    template = "account_exists" if user.is_email_confirmed or not user.is_active else "confirmation"
    _link_send(user=user, template=template, language=user.language or language)
    logger.info("user_sign_up_asked", user_id=user.pk)


def user_confirm_email(*, user: User, password: str) -> User:
    """Set the password and note that the address is theirs. ``user`` comes from ``tokens.user_from_link``.

    One conditional ``UPDATE`` on what the link's token was made of: of two requests with the same link one wins. All
    sessions that were open with an older password end. Returns the person as saved.

    Raises:
        ConflictError: when the link was used, or the account closed, since ``user`` was read.
    """
    now = timezone.now()
    unchanged = User.objects.filter(
        pk=user.pk,
        is_active=True,
        email=user.email,
        password=user.password,
        last_login=user.last_login,
        email_confirmed_at=user.email_confirmed_at,
    )
    confirmed_at = user.email_confirmed_at or now
    if not unchanged.update(password=make_password(password), email_confirmed_at=confirmed_at, updated_at=now):
        raise ConflictError(f"User {user.pk} changed since the link was read. Ask for a new link.")
    user.refresh_from_db()
    logger.info("user_email_confirmed", user_id=user.pk)
    return user


def user_update(*, user: User, data: Mapping[str, Any]) -> User:
    """Save what a person says about themselves: ``full_name``, ``time_zone``, ``language``. Other keys are ignored.

    Raises:
        django.core.exceptions.ValidationError: when a value is not valid.
    """
    user, _ = model_update(instance=user, fields=["full_name", "time_zone", "language"], data=data)
    return user


@transaction.atomic
def user_complete_onboarding(*, user: User) -> User:
    """Note that onboarding is complete and ask for the welcome e-mail, in one transaction.

    A second call changes nothing and sends nothing, also when both come at once. Returns the person as saved.

    Raises:
        ConflictError: when the address is not confirmed.
    """
    now = timezone.now()
    todo = User.objects.filter(pk=user.pk, email_confirmed_at__isnull=False, onboarding_completed_at__isnull=True)
    completed = todo.update(onboarding_completed_at=now, updated_at=now)
    user.refresh_from_db()
    if not user.is_email_confirmed:
        raise ConflictError(f"User {user.pk} has not confirmed the address. Send the link with user_sign_up first.")
    if completed:
        _welcome_send(user=user)
        logger.info("user_onboarding_completed", user_id=user.pk)
    return user


def _link_send(*, user: User, template: str, language: str) -> None:
    """Ask for the e-mail with a link, which is not worth sending once its link has expired."""
    now = timezone.now()
    expires_at = now + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    email = email_create_from_template(
        template=template,
        context={
            "confirmation_url": confirmation_url(user=user),
            "sign_in_url": f"{settings.APP_BASE_URL}{reverse('users:sign-in')}",
            "asked_at": now,
            "expires_at": expires_at,
            "is_active": user.is_active,
        },
        to=[user.email],
        language=language,
        priority=Priority.HIGH,
        expires_at=expires_at,
    )
    email_queue(email=email)


def _welcome_send(*, user: User) -> None:
    email = email_create_from_template(
        template="welcome",
        context={"name": user.full_name, "home_url": f"{settings.APP_BASE_URL}{reverse('users:home')}"},
        to=[user.email],
        language=user.language,
        idempotency_key=f"welcome:{user.pk}",
    )
    email_queue(email=email)
