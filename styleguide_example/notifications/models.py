"""The rows of what people are told, and of how they want to be told."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from styleguide_example.common.models import BaseModel
from styleguide_example.notifications.enums import Level

TITLE_LENGTH_MAX = 200
TEXT_LENGTH_MAX = 2000
URL_LENGTH_MAX = 500
GROUP_LENGTH_MAX = 255

# A path on this site and nothing that a browser takes for another one: it reads a backslash as a slash, and skips tabs
# and line breaks (https://url.spec.whatwg.org/#concept-basic-url-parser).
local_path = RegexValidator(
    r"\A/(?![/\\])[^\s\\\x00-\x1f\x7f]*\Z", message="Write a path on this site, as in /jobs/.", code="not_local"
)


class Notification(BaseModel):
    """Something that one person is told. Only that person reads it.

    Those of one group are one row for a while: ``count`` says how many, title, text and link are the newest one's.
    """

    Level = Level

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    level = models.CharField(max_length=16, choices=Level.choices)
    title = models.CharField(max_length=TITLE_LENGTH_MAX)
    text = models.TextField(blank=True, max_length=TEXT_LENGTH_MAX)
    url = models.CharField(max_length=URL_LENGTH_MAX, blank=True, validators=[local_path], help_text="On this site.")
    group = models.CharField(max_length=GROUP_LENGTH_MAX, blank=True, help_text="Empty: it stands alone.")
    is_collecting = models.BooleanField(default=False, help_text="Further ones of its group are counted here.")
    count = models.PositiveIntegerField(default=1)
    last_at = models.DateTimeField(default=timezone.now, help_text="When the newest one was written.")
    emailed_at = models.DateTimeField(null=True, blank=True, help_text="When an e-mail about it was asked for.")
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-last_at", "-pk"]
        indexes: ClassVar = [
            models.Index(fields=["user", "-last_at", "-id"], name="notification_list"),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notification_unread"),
            models.Index(fields=["user", "group", "emailed_at"], condition=~Q(group=""), name="notification_emailed"),
            models.Index(fields=["read_at"], condition=Q(read_at__isnull=False), name="notification_read"),
            models.Index(fields=["last_at"], name="notification_last"),
        ]
        constraints: ClassVar = [
            # Two failures at the same moment make one row and not two: the second one's insert is refused.
            models.UniqueConstraint(
                fields=["user", "group"], condition=Q(is_collecting=True), name="notification_one_collects"
            ),
            models.CheckConstraint(
                condition=Q(is_collecting=False) | (Q(read_at__isnull=True) & ~Q(group="")),
                name="notification_collects_unread",
            ),
            models.CheckConstraint(condition=Q(count__gte=1), name="notification_count_positive"),
            models.CheckConstraint(condition=Q(level__in=Level.values), name="notification_level_known"),
        ]

    def __str__(self) -> str:
        return f"Notification {self.pk} ({self.get_level_display()})"

    @property
    def is_unread(self) -> bool:
        """Whether the person has not marked it as read."""
        return self.read_at is None


class NotificationSettings(BaseModel):
    """For what a person wants an e-mail besides. Without a row, the defaults hold.

    A failure asks for something to be done, and its person may have gone away: by e-mail, until they say no. Success is
    what was expected: it waits in the product, until they say yes.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", primary_key=True, editable=False
    )
    email_on_success = models.BooleanField(_("when something is done"), default=False)
    email_on_failure = models.BooleanField(_("when something failed"), default=True)

    class Meta:
        verbose_name_plural = "notification settings"

    def __str__(self) -> str:
        return f"Notification settings of person {self.pk}"

    def wants_email(self, level: str) -> bool:
        """Whether an e-mail goes out for this level."""
        return self.email_on_failure if level == Level.FAILURE else self.email_on_success
