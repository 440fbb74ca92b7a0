"""Translates a broker message into one call. Imported by others with the ``_task`` suffix."""

from celery import shared_task

from styleguide_example.announcements import fanout, selectors
from styleguide_example.announcements.exceptions import AnnouncementAudienceError
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.jobs.exceptions import JobFailedError
from styleguide_example.jobs.services import job_running


@shared_task(base=WakeUpTask)
def announcement_send(*, job_id: str) -> fanout.Result:
    """Write the e-mails of an announcement. Begun again after a kill, it goes on where it stopped."""
    job = job_running(job_id=job_id)
    announcement = selectors.announcement_get(announcement_id=job.parameters["announcement_id"])
    if announcement is None:
        raise JobFailedError("This announcement was deleted.", code="announcement_gone")
    try:
        return fanout.announcement_fan_out(announcement=announcement, job=job)
    except AnnouncementAudienceError as error:
        raise JobFailedError(str(error), code="audience_unusable") from error
