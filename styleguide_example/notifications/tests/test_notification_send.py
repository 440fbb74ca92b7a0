from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import TEXT_LENGTH_MAX, TITLE_LENGTH_MAX, Notification
from styleguide_example.notifications.services import notification_mark_read, notification_send
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _an_hour(settings: Settings) -> None:
    settings.NOTIFICATION_GROUP_SECONDS = 3600


def _failed(user: User, *, text: str = "", url: str = "", group: str = "job:export") -> Notification:
    sent = notification_send(
        user_id=user.pk, level=Level.FAILURE, title="Export: failed", text=text, url=url, group=group
    )
    assert sent is not None
    return sent


def _written_ago(notification: Notification, **ago: float) -> None:
    Notification.objects.filter(pk=notification.pk).update(created_at=timezone.now() - timedelta(**ago))


class TestNotificationSend:
    def test_writes_an_unread_one_for_one_person(self) -> None:
        user = user_onboarded()

        notification_send(user_id=user.pk, level=Level.SUCCESS, title="Export: done", text="7 notes", url="/jobs/1/")

        notification = Notification.objects.get()
        assert notification.user == user
        assert (notification.level, notification.title, notification.text) == ("success", "Export: done", "7 notes")
        assert (notification.url, notification.count, notification.read_at) == ("/jobs/1/", 1, None)

    def test_is_undone_with_the_callers_transaction(self) -> None:
        user = user_onboarded()
        with transaction.atomic():
            _failed(user)
            transaction.set_rollback(True)
        assert not Notification.objects.exists()

    def test_changes_nothing_for_a_person_who_was_deleted(self) -> None:
        user = user_onboarded()
        user_id = user.pk
        user.delete()

        sent = notification_send(user_id=user_id, level=Level.FAILURE, title="Export: failed", group="job:export")

        assert sent is None
        assert not Notification.objects.exists()

    def test_goes_with_the_person(self) -> None:
        user = user_onboarded()
        _failed(user)
        user.delete()
        assert not Notification.objects.exists()

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example/",
            "/\t/evil.example/",
            "/\n/evil.example/",
            "\\\\evil.example",
            "javascript:alert(1)",
            "jobs/1/",
            " /jobs/1/",
            "/jobs/1/\n",
        ],
    )
    def test_refuses_a_link_that_leads_elsewhere(self, url: str) -> None:
        user = user_onboarded()
        with pytest.raises(ValueError, match="path on this site"):
            notification_send(user_id=user.pk, level=Level.SUCCESS, title="Done", url=url)
        assert not Notification.objects.exists()

    def test_refuses_a_link_that_no_column_holds(self) -> None:
        user = user_onboarded()
        with pytest.raises(ValueError, match="at most 500 characters, not of 501"):
            notification_send(user_id=user.pk, level=Level.SUCCESS, title="Done", url=f"/{'a' * 500}")
        assert not Notification.objects.exists()

    @pytest.mark.parametrize("url", ["/", "/jobs/1/?a=b#c", "/caf%C3%A9/"])
    def test_takes_a_path_on_this_site(self, url: str) -> None:
        user = user_onboarded()
        notification_send(user_id=user.pk, level=Level.SUCCESS, title="Done", url=url)
        assert Notification.objects.get().url == url

    def test_cuts_what_is_too_long_and_what_no_database_takes(self) -> None:
        user = user_onboarded()

        notification_send(user_id=user.pk, level=Level.SUCCESS, title="t" * 1000, text="a\0b\ud800" + "x" * 5000)

        notification = Notification.objects.get()
        assert len(notification.title) == TITLE_LENGTH_MAX
        assert notification.title.endswith("…")
        assert notification.text.startswith("ab?x")
        assert len(notification.text) == TEXT_LENGTH_MAX


class TestNotificationSendInAGroup:
    def test_counts_the_next_one_in_the_first_ones_row(self) -> None:
        user = user_onboarded()
        first = _failed(user, text="The disk is full.", url="/jobs/1/")

        second = _failed(user, text="The disk is still full.", url="/jobs/2/")

        assert second.pk == first.pk
        assert (second.count, second.text, second.url) == (2, "The disk is still full.", "/jobs/2/")
        assert second.last_at > first.last_at
        assert second.created_at == first.created_at

    def test_never_counts_what_has_no_group(self) -> None:
        user = user_onboarded()
        _failed(user, group="")
        _failed(user, group="")
        assert list(Notification.objects.values_list("count", flat=True)) == [1, 1]

    def test_never_counts_another_group_or_another_persons(self) -> None:
        user, other = user_onboarded(), user_onboarded()
        _failed(user), _failed(user, group="job:import"), _failed(other)
        assert list(Notification.objects.values_list("count", flat=True)) == [1, 1, 1]

    def test_begins_anew_when_the_former_was_read(self) -> None:
        user = user_onboarded()
        first = notification_mark_read(notification=_failed(user))

        second = _failed(user)

        assert second.pk != first.pk
        assert (second.count, second.read_at) == (1, None)

    def test_begins_anew_an_hour_after_the_first_although_the_last_was_a_moment_ago(self) -> None:
        user = user_onboarded()
        first = _failed(user)
        _failed(user)
        _written_ago(first, seconds=3601)

        third = _failed(user)

        assert third.pk != first.pk
        assert Notification.objects.get(pk=first.pk).is_unread
        assert _failed(user).pk == third.pk

    def test_counts_until_the_hour_is_over(self) -> None:
        user = user_onboarded()
        first = _failed(user)
        _written_ago(first, seconds=3590)
        assert _failed(user).pk == first.pk
