"""The kind of job that sends an announcement."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from styleguide_example.announcements import selectors
from styleguide_example.announcements.tasks import announcement_send as announcement_send_task
from styleguide_example.jobs.enums import AtOnce
from styleguide_example.jobs.kinds import JobKind, holders_of, job_kind_register
from styleguide_example.jobs.models import Job

ANNOUNCEMENT_SEND = "announcement-send"
#: Who may send, stop and resume.
SEND_PERMISSION = "announcements.send_announcement"


class Parameters(serializers.Serializer[Any]):
    """Which announcement."""

    announcement_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)

    def validate_announcement_id(self, announcement_id: int) -> int:
        """Refuse one that is not there, or was sent."""
        announcement = selectors.announcement_get(announcement_id=announcement_id)
        if announcement is None:
            raise serializers.ValidationError("There is no such announcement.")
        if announcement.sent_at is not None:
            raise serializers.ValidationError("It was sent. Write a new one to send it again.")
        return announcement_id


def _url(job: Job) -> str:
    return reverse("admin:announcements_announcement_progress", args=[job.parameters["announcement_id"]])


job_kind_register(
    JobKind(
        name=ANNOUNCEMENT_SEND,
        title=_("Send an announcement"),
        task=announcement_send_task,
        may_start=holders_of(SEND_PERMISSION),
        parameters=Parameters,
        at_once=AtOnce.ONE_PER_KEY,
        key=("announcement_id",),
        may_resume=True,
        # Each attempt goes on where the former one was killed, so many deploys may come in between.
        attempts_max=20,
        timeout_seconds=settings.ANNOUNCEMENT_TIMEOUT_SECONDS,
        url=_url,
    )
)
