"""What a person may choose about notifications."""

from typing import ClassVar

from django import forms

from styleguide_example.notifications.models import NotificationSettings


class NotificationSettingsForm(forms.ModelForm[NotificationSettings]):
    """For what an e-mail is written besides."""

    class Meta:
        model = NotificationSettings
        fields: ClassVar = ["email_on_failure", "email_on_success"]
