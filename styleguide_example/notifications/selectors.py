"""Asks for notifications. Each question names the person: there is no way to ask for everybody's."""

from django.db.models import QuerySet

from styleguide_example.notifications.models import Notification, NotificationSettings

#: More unread ones than this are not counted.
UNREAD_COUNT_MAX = 100


def notification_list(*, user_id: int) -> QuerySet[Notification]:
    """Return the person's notifications, the newest first."""
    return Notification.objects.filter(user_id=user_id)


def notification_get_for(*, user_id: int, notification_id: int) -> Notification | None:
    """Return the notification, or None where there is none or it is somebody else's."""
    return Notification.objects.filter(user_id=user_id, pk=notification_id).first()


def notification_unread_count(*, user_id: int) -> int:
    """Return how many are unread, at most ``UNREAD_COUNT_MAX``. One query."""
    return Notification.objects.filter(user_id=user_id, read_at__isnull=True).order_by()[:UNREAD_COUNT_MAX].count()


def notification_settings_get(*, user_id: int) -> NotificationSettings:
    """Return what the person chose; the defaults, not saved, where nothing was chosen."""
    chosen = NotificationSettings.objects.filter(user_id=user_id).first()
    return chosen or NotificationSettings(user_id=user_id)
