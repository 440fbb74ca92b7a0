from datetime import timedelta

import pytest
from django.utils import timezone

from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import Notification
from styleguide_example.notifications.selectors import notification_unread_count
from styleguide_example.notifications.services import (
    notification_mark_read,
    notification_send,
    notifications_mark_all_read,
    notifications_mark_seen,
)
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


def _told(user: User, *, url: str = "", group: str = "") -> Notification:
    sent = notification_send(user_id=user.pk, level=Level.SUCCESS, title="Done", url=url, group=group)
    assert sent is not None
    return sent


class TestNotificationMarkRead:
    def test_keeps_the_time_of_the_first_click(self) -> None:
        notification = notification_mark_read(notification=_told(user_onboarded()))
        first = notification.read_at
        assert first is not None
        assert notification_mark_read(notification=notification).read_at == first

    def test_leaves_all_others(self) -> None:
        user = user_onboarded()
        one, _ = _told(user), _told(user)
        notification_mark_read(notification=one)
        assert notification_unread_count(user_id=user.pk) == 1


class TestNotificationsMarkAllRead:
    def test_marks_that_persons_alone(self) -> None:
        user, other = user_onboarded(), user_onboarded()
        _told(user), _told(user, group="a"), _told(other)

        assert notifications_mark_all_read(user_id=user.pk) == 2

        assert notification_unread_count(user_id=user.pk) == 0
        assert notification_unread_count(user_id=other.pk) == 1

    def test_leaves_what_came_since_the_list_was_shown(self) -> None:
        user = user_onboarded()
        old, new = _told(user), _told(user)
        shown_at = timezone.now() - timedelta(minutes=1)
        Notification.objects.filter(pk=old.pk).update(last_at=shown_at - timedelta(minutes=1))

        notifications_mark_all_read(user_id=user.pk, until=shown_at)

        assert list(Notification.objects.filter(read_at=None)) == [new]


class TestNotificationsMarkSeen:
    def test_marks_what_leads_there_and_is_that_persons(self) -> None:
        user, other = user_onboarded(), user_onboarded()
        _told(user, url="/jobs/1/"), _told(user, url="/jobs/2/"), _told(other, url="/jobs/1/")

        assert notifications_mark_seen(user_id=user.pk, url="/jobs/1/") == 1

        assert notification_unread_count(user_id=user.pk) == 1
        assert notification_unread_count(user_id=other.pk) == 1
