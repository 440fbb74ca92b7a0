"""The door to notifications for other apps: tell somebody something, and what that person does with it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone, translation
from django_stubs_ext import StrOrPromise

from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.services import email_create_from_template, email_queue
from styleguide_example.notifications.cleanup import notification_cleanup
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import (
    GROUP_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    URL_LENGTH_MAX,
    Notification,
    NotificationSettings,
    local_path,
)
from styleguide_example.notifications.selectors import notification_settings_get

__all__ = [
    "Level",
    "notification_cleanup",
    "notification_mark_read",
    "notification_send",
    "notification_settings_save",
    "notifications_mark_all_read",
    "notifications_mark_seen",
]

logger = structlog.get_logger(__name__)


@transaction.atomic
def notification_send(
    *, user_id: int, level: Level, title: StrOrPromise, text: StrOrPromise = "", url: str = "", group: str = ""
) -> Notification | None:
    """Tell one person something, in the caller's transaction; by e-mail besides, where that person wants it.

    Title and text are kept in the person's language, if they come from ``gettext_lazy``.

    With a ``group``, further ones within ``NOTIFICATION_GROUP_SECONDS`` of the first are counted in its row while that
    is unread, and one e-mail goes out in that time. Title and text that are too long are cut.

    Returns None for a person who was deleted meanwhile, and changes nothing.

    Raises:
        ValueError: for a ``url`` that is not a path on this site, or longer than ``URL_LENGTH_MAX``.
    """
    _check_local(url)
    with translation.override(_language(user_id)):
        words = {"title": _fit(str(title), TITLE_LENGTH_MAX), "text": _fit(str(text), TEXT_LENGTH_MAX)}
    said = {"level": Level(level), "url": url, **words}
    group = _fit(group, GROUP_LENGTH_MAX)
    now = timezone.now()
    # Rows of notifications are locked before the person's: the same order as in the deletion of a person.
    if counted := _count_up(user_id, group, said, now):
        return counted
    person = _person_locked(user_id)
    if person is None:
        return None
    try:
        written = _write(user_id, group, said)
    except IntegrityError:
        # Somebody else was faster. It is counted there, unless that one was read meanwhile.
        if counted := _count_up(user_id, group, said, now):
            return counted
        written = _write(user_id, group, said)
    _write_email(written, person)
    return written


def notification_mark_read(*, notification: Notification) -> Notification:
    """Mark it as read. The next one of its group is a new one. Doing it twice is doing it once."""
    _mark_read(pk=notification.pk)
    notification.refresh_from_db()
    return notification


def notifications_mark_all_read(*, user_id: int, until: datetime | None = None) -> int:
    """Mark the person's unread ones as read, or those among them that came until then. Returns how many."""
    return _mark_read(user_id=user_id, **({} if until is None else {"last_at__lte": until}))


def notifications_mark_seen(*, user_id: int, url: str) -> int:
    """Mark as read what leads to a page that the person is looking at. Returns how many."""
    return _mark_read(user_id=user_id, url=url)


def notification_settings_save(*, user_id: int, data: Mapping[str, Any]) -> NotificationSettings:
    """Save for what the person wants an e-mail. Fields that ``data`` does not name stay as they are."""
    chosen, _ = NotificationSettings.objects.update_or_create(user_id=user_id, defaults=dict(data))
    return chosen


def _language(user_id: int) -> str:
    chosen = get_user_model().objects.filter(pk=user_id).values_list("language", flat=True).first()
    return chosen or settings.LANGUAGE_CODE


def _check_local(url: str) -> None:
    if not url:
        return
    if len(url) > URL_LENGTH_MAX:
        raise ValueError(f"A notification leads to a path of at most {URL_LENGTH_MAX} characters, not of {len(url)}.")
    try:
        local_path(url)
    except ValidationError as error:
        raise ValueError(f"A notification leads to a path on this site, as in /jobs/, not to {url!r}.") from error


def _fit(text: str, length: int) -> str:
    """Neither NUL nor halves of characters, which PostgreSQL cannot store, and not too long."""
    text = text.replace("\0", "").encode(errors="replace").decode()
    return text if len(text) <= length else text[: length - 1] + "…"


def _count_up(user_id: int, group: str, said: Mapping[str, Any], now: datetime) -> Notification | None:
    """Count it in the row that collects its group, if there is one. One that collected long enough stops."""
    if not group:
        return None
    collecting = Notification.objects.filter(user_id=user_id, group=group, is_collecting=True)
    since = now - timedelta(seconds=settings.NOTIFICATION_GROUP_SECONDS)
    if collecting.filter(created_at__gt=since).update(count=F("count") + 1, last_at=now, updated_at=now, **said):
        return collecting.get()
    # Only that: a new one may have come since the statement before.
    collecting.filter(created_at__lte=since).update(is_collecting=False, updated_at=now)
    return None


def _person_locked(user_id: int) -> Any:
    """The person, who stays until we commit: the foreign key is looked at no sooner than that. None: deleted."""
    return get_user_model().objects.select_for_update(no_key=True).filter(pk=user_id).first()


@transaction.atomic
def _write(user_id: int, group: str, said: Mapping[str, Any]) -> Notification:
    """Write the row, or nothing: a savepoint, so that the caller's transaction can go on."""
    return Notification.objects.create(user_id=user_id, group=group, is_collecting=bool(group), **said)


def _write_email(notification: Notification, person: Any) -> None:
    if not person.is_active or person.email_confirmed_at is None:
        return
    wanted = notification_settings_get(user_id=person.pk).wants_email(notification.level)
    if not wanted or _emailed_lately(notification):
        return
    try:
        email = email_create_from_template(
            template="notification",
            context={"notification": notification, "base_url": settings.APP_BASE_URL},
            to=[person.email],
            language=person.language,
            idempotency_key=f"notification-{notification.pk}",
        )
    except EmailInvalidError as error:
        # The person is told in the product; that their address went bad is no reason for the caller to fail.
        logger.warning("notification_email_refused", notification_id=notification.pk, error=type(error).__name__)
        return
    email_queue(email=email)
    notification.emailed_at = timezone.now()
    notification.save(update_fields=["emailed_at", "updated_at"])


def _emailed_lately(notification: Notification) -> bool:
    """Also about one that was read since: whoever reads each failure at once is not sent an e-mail for each."""
    if not notification.group:
        return False
    since = timezone.now() - timedelta(seconds=settings.NOTIFICATION_GROUP_SECONDS)
    return Notification.objects.filter(
        user_id=notification.user_id, group=notification.group, emailed_at__gt=since
    ).exists()


def _mark_read(**condition: Any) -> int:
    now = timezone.now()
    return Notification.objects.filter(read_at__isnull=True, **condition).update(
        read_at=now, is_collecting=False, updated_at=now
    )
