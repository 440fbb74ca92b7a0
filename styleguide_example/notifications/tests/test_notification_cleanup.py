from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import Notification
from styleguide_example.notifications.services import notification_cleanup, notification_send
from styleguide_example.notifications.tasks import notification_cleanup as notification_cleanup_task
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keeping(settings: Settings) -> None:
    settings.NOTIFICATION_KEEP_READ_DAYS = 30
    settings.NOTIFICATION_KEEP_DAYS = 180


def _told(user: User, *, days_ago: float, read_days_ago: float | None = None) -> Notification:
    sent = notification_send(user_id=user.pk, level=Level.SUCCESS, title="Done")
    assert sent is not None
    now = timezone.now()
    read_at = None if read_days_ago is None else now - timedelta(days=read_days_ago)
    Notification.objects.filter(pk=sent.pk).update(last_at=now - timedelta(days=days_ago), read_at=read_at)
    return sent


class TestNotificationCleanup:
    @pytest.mark.parametrize(
        ("days_ago", "read_days_ago", "stays"),
        [(100, 29, True), (100, 31, False), (179, None, True), (181, None, False), (181, 1, False)],
    )
    def test_deletes_what_is_old_enough(self, days_ago: float, read_days_ago: float | None, stays: object) -> None:
        _told(user_onboarded(), days_ago=days_ago, read_days_ago=read_days_ago)
        assert notification_cleanup() == (0 if stays else 1)
        assert Notification.objects.exists() == stays

    def test_deletes_a_batch_at_a_time_until_all_are_gone(self) -> None:
        user = user_onboarded()
        for _ in range(7):
            _told(user, days_ago=200)
        kept = _told(user, days_ago=1)

        with CaptureQueriesContext(connection) as queries:
            assert notification_cleanup(batch_size=3) == 7

        assert len([query for query in queries if query["sql"].startswith("DELETE")]) == 3
        assert list(Notification.objects.all()) == [kept]

    def test_is_what_the_task_does(self) -> None:
        _told(user_onboarded(), days_ago=200)
        notification_cleanup_task()
        assert not Notification.objects.exists()
