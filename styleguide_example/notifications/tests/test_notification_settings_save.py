import pytest

from styleguide_example.notifications.models import NotificationSettings
from styleguide_example.notifications.selectors import notification_settings_get
from styleguide_example.notifications.services import notification_settings_save
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


class TestNotificationSettingsSave:
    def test_leaves_what_it_does_not_name(self) -> None:
        user = user_onboarded()
        notification_settings_save(user_id=user.pk, data={"email_on_failure": False})

        notification_settings_save(user_id=user.pk, data={"email_on_success": True})

        chosen = NotificationSettings.objects.get()
        assert (chosen.email_on_failure, chosen.email_on_success) == (False, True)

    def test_changes_nothing_of_anybody_else(self) -> None:
        user, other = user_onboarded(), user_onboarded()
        notification_settings_save(user_id=user.pk, data={"email_on_failure": False})
        assert notification_settings_get(user_id=other.pk).email_on_failure


class TestNotificationSettingsGet:
    def test_says_failures_only_for_somebody_who_chose_nothing(self) -> None:
        chosen = notification_settings_get(user_id=user_onboarded().pk)
        assert (chosen.email_on_failure, chosen.email_on_success) == (True, False)
        assert not NotificationSettings.objects.exists()
