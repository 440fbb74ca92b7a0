from contextlib import suppress

import pytest
from django.db import IntegrityError

from styleguide_example.common.tests.racing import meanwhile, race
from styleguide_example.emails.models import Email
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import Notification
from styleguide_example.notifications.services import notification_mark_read, notification_send
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db(transaction=True)

RUNNERS = 8


def _failed(user_id: int) -> Notification | None:
    return notification_send(user_id=user_id, level=Level.FAILURE, title="Export: failed", group="job:export")


def _person_delete(user_id: int) -> None:
    """Try again, as whoever deletes a person must: a row may come between what Django lists and what it deletes."""
    while User.objects.filter(pk=user_id).exists():
        with suppress(IntegrityError):
            User.objects.filter(pk=user_id).delete()


class TestNotificationSendAtOnce:
    def test_makes_one_row_that_counts_all_and_one_email(self) -> None:
        user_id = user_onboarded().pk

        sent = race(lambda _: _failed(user_id), runners=RUNNERS)

        notification = Notification.objects.get()
        assert notification.count == RUNNERS
        assert {one.pk for one in sent if one} == {notification.pk}
        assert Email.objects.count() == 1

    def test_loses_none_while_it_is_marked_as_read(self) -> None:
        user_id = user_onboarded().pk
        first = _failed(user_id)
        assert first is not None

        race(lambda number: _failed(user_id) if number else notification_mark_read(notification=first), runners=RUNNERS)

        assert sum(Notification.objects.values_list("count", flat=True)) == RUNNERS
        assert Notification.objects.filter(is_collecting=True).count() <= 1

    def test_lets_no_caller_fail_while_the_person_is_deleted(self) -> None:
        user = user_onboarded()
        user_id = user.pk

        with meanwhile(lambda: _person_delete(user_id)) as deletion:
            for _ in range(20):
                _failed(user_id)
        deletion.result()

        assert not User.objects.filter(pk=user_id).exists()
        assert _failed(user_id) is None
        assert not Notification.objects.filter(user_id=user_id).exists()
