"""What is photographed: every page worth a look, by the name of its picture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shot:
    """One page. ``address`` has the names of places in braces; ``who`` is signed in, if anybody."""

    name: str
    address: str
    who: str = "ada"
    language: str = "en"


_BEAT = "/admin/django_celery_beat/periodictask/"

SHOTS = (
    # The product
    Shot("landing", "/", who=""),
    Shot("landing-de", "/", who="", language="de"),
    Shot("sign-up", "/sign-up/", who=""),
    Shot("sign-up-sent", "/sign-up/sent/", who=""),
    Shot("sign-in", "/sign-in/", who=""),
    Shot("confirm", "{confirm}", who=""),
    Shot("onboarding", "/onboarding/", who="hedy"),
    Shot("onboarding-de", "/onboarding/", who="hedy", language="de"),
    Shot("home", "/home/"),
    Shot("my-jobs", "/jobs/"),
    Shot("my-jobs-de", "/jobs/", language="de"),
    Shot("my-job", "/jobs/{running}/"),
    Shot("my-job-de", "/jobs/{running}/", language="de"),
    Shot("notifications", "/notifications/"),
    Shot("notifications-de", "/notifications/", language="de"),
    # The admin
    Shot("dashboard", "/admin/"),
    Shot("emails", "/admin/emails/email/"),
    Shot("emails-failed", "/admin/emails/email/?status__exact=failed"),
    Shot("email-failed", "/admin/emails/email/{failed}/change/"),
    Shot("email-retried", "/admin/emails/email/{retried}/change/"),
    Shot("email-sent", "/admin/emails/email/{sent}/change/"),
    Shot("suppressions", "/admin/emails/suppression/"),
    Shot("templates", "/admin/emails/email/templates/"),
    Shot("template", "/admin/emails/email/templates/welcome/"),
    Shot("board", "/admin/jobs/job/board/"),
    Shot("jobs", "/admin/jobs/job/"),
    Shot("job-running", "/admin/jobs/job/{running}/change/"),
    Shot("job-failed", "/admin/jobs/job/{broken}/change/"),
    Shot("job-batch", "/admin/jobs/job/{batch}/change/"),
    Shot("pauses", "/admin/jobs/pause/"),
    Shot("announcements", "/admin/announcements/announcement/"),
    Shot("announcement", "/admin/announcements/announcement/{draft}/look/"),
    Shot("announcement-edit", "/admin/announcements/announcement/{draft}/change/"),
    Shot("announcement-send", "/admin/announcements/announcement/{draft}/send/"),
    Shot("progress", "/admin/announcements/announcement/{announcement}/progress/"),
    Shot("schedules", _BEAT),
    Shot("next-24-hours", f"{_BEAT}next-24-hours/"),
    Shot("drift", f"{_BEAT}drift/"),
    Shot("runs", "/admin/tasks/schedulerun/"),
    Shot("people", "/admin/users/user/"),
    # For developers
    Shot("mailbox", "/mailbox/", who=""),
    Shot("message", "{message}", who=""),
    Shot("api", "/api/docs/"),
)
#: Pictures of the README and the docs: as much as a desktop shows, light.
IN_DOCS = (
    Shot("announcement", "/admin/announcements/announcement/{draft}/look/"),
    Shot("board", "/admin/jobs/job/board/"),
    Shot("dashboard", "/admin/"),
    Shot("email", "/admin/emails/email/{retried}/change/#timeline-heading"),
    Shot("emails", "/admin/emails/email/"),
    Shot("gallery", "/admin/emails/email/templates/welcome/"),
    Shot("last-hour", "/admin/jobs/job/board/#gantt-heading"),
    Shot("mailbox", "{message}", who=""),
    Shot("next-24-hours", f"{_BEAT}next-24-hours/"),
    Shot("progress", "/admin/announcements/announcement/{announcement}/progress/"),
    Shot("schedules", _BEAT),
)
