from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import gettext_lazy
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from styleguide_example.emails.models import Email
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.models import Notification
from styleguide_example.notifications.services import (
    notification_mark_read,
    notification_send,
    notification_settings_save,
)
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import UserFactory, user_onboarded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _an_hour(settings: Settings) -> None:
    settings.NOTIFICATION_GROUP_SECONDS = 3600
    settings.APP_BASE_URL = "https://fieldnote.example"


def _send(user: User, level: Level = Level.FAILURE, **fields: Any) -> Notification:
    sent = notification_send(user_id=user.pk, level=level, **{"title": "Export: failed", **fields})
    assert sent is not None
    return sent


class TestNotificationEmail:
    def test_goes_out_for_a_failure_and_not_for_success_unless_the_person_chose(self) -> None:
        user = user_onboarded(email="ada@example.com")
        _send(user, Level.SUCCESS)
        assert not Email.objects.exists()

        notification = _send(user)

        email = Email.objects.get()
        assert email.to == ["ada@example.com"]
        assert (email.status, email.category) == ("sending", "notification")
        assert email.idempotency_key == f"notification-{notification.pk}"

    @pytest.mark.parametrize(
        ("level", "chosen", "written"),
        [
            (Level.FAILURE, {"email_on_failure": False}, 0),
            (Level.FAILURE, {"email_on_failure": False, "email_on_success": True}, 0),
            (Level.SUCCESS, {"email_on_success": True}, 1),
            (Level.SUCCESS, {"email_on_failure": True}, 0),
        ],
    )
    def test_heeds_what_the_person_chose(self, level: Level, chosen: dict[str, bool], written: int) -> None:
        user = user_onboarded()
        notification_settings_save(user_id=user.pk, data=chosen)
        _send(user, level)
        assert Email.objects.count() == written

    def test_never_goes_to_an_address_that_nobody_confirmed(self) -> None:
        _send(UserFactory.create())
        assert Notification.objects.count() == 1
        assert not Email.objects.exists()

    def test_never_goes_to_somebody_who_was_switched_off(self) -> None:
        _send(user_onboarded(is_active=False))
        assert not Email.objects.exists()

    def test_lets_nobody_fail_for_an_address_that_cannot_be_written_to(self) -> None:
        user = user_onboarded()
        User.objects.filter(pk=user.pk).update(email="no address")
        _send(user)
        assert Notification.objects.count() == 1
        assert not Email.objects.exists()

    def test_wakes_a_worker_after_the_commit(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        user = user_onboarded()
        with django_capture_on_commit_callbacks() as callbacks:
            _send(user)
        assert len(callbacks) == 1

    def test_says_what_happened_and_leads_there(self) -> None:
        _send(user_onboarded(), title="Export: <failed>", text="The disk & the\nshelf are full.", url="/jobs/1/")

        email = Email.objects.get()

        assert email.subject == "Export: <failed>"
        assert "Export: &lt;failed&gt;" in email.html
        assert "The disk &amp; the<br>shelf are full." in email.html
        assert 'href="https://fieldnote.example/jobs/1/"' in email.html
        assert 'href="https://fieldnote.example/notifications/#settings"' in email.html
        assert "Export: <failed>\n\nThe disk & the\nshelf are full.\n\nhttps://fieldnote.example/jobs/1/" in (
            email.plain_text
        )

    def test_needs_neither_text_nor_link(self) -> None:
        _send(user_onboarded())
        email = Email.objects.get()
        assert "Show it" not in email.html
        assert email.plain_text.startswith("Export: failed\n\n--\n")


class TestNotificationEmailInAGroup:
    def test_goes_out_once(self) -> None:
        user = user_onboarded()
        for _ in range(5):
            _send(user, group="job:export")
        assert Email.objects.count() == 1

    def test_goes_out_once_in_the_hour_although_each_is_read_at_once(self) -> None:
        user = user_onboarded()
        for _ in range(5):
            notification_mark_read(notification=_send(user, group="job:export"))
        assert Notification.objects.count() == 5
        assert Email.objects.count() == 1

    def test_goes_out_again_after_the_hour(self) -> None:
        user = user_onboarded()
        first = _send(user, group="job:export")
        hours_ago = timezone.now() - timedelta(hours=2)
        Notification.objects.filter(pk=first.pk).update(created_at=hours_ago, emailed_at=hours_ago)

        _send(user, group="job:export")

        assert Email.objects.count() == 2

    def test_is_in_the_persons_language(self) -> None:
        user = user_onboarded(language="de")

        notification = _send(user, title=gettext_lazy("Notifications"), url="/jobs/")

        email = Email.objects.get()
        assert (notification.title, email.subject) == ("Mitteilungen", "Mitteilungen")
        assert "Ansehen" in email.html
        assert "weil etwas fehlgeschlagen ist" in email.plain_text
