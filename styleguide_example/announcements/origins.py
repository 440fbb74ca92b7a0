"""What a batch of e-mails was written for: the announcement and its job, for the page of each e-mail."""

from typing import Any

from django.urls import reverse

from styleguide_example.announcements.selectors import announcement_get
from styleguide_example.emails.origins import Origin


def batch_origins(batch: str, viewer: Any) -> list[Origin]:
    """Return the announcement, and the job that wrote the e-mails, each with its address for those who may see it."""
    key = batch.partition(":")[2]
    announcement = announcement_get(announcement_id=int(key)) if key.isdecimal() else None
    if announcement is None:
        return []
    origins = [Origin("the announcement", announcement.subject, _announcement_page(announcement.pk, viewer))]
    if announcement.job_id is None:
        return origins
    job_page = reverse("admin:jobs_job_change", args=[announcement.job_id])
    return [*origins, Origin("by the job", str(announcement.job_id), job_page if _may(viewer, "jobs.view_job") else "")]


def _announcement_page(key: int, viewer: Any) -> str:
    may = _may(viewer, "announcements.view_announcement") or _may(viewer, "announcements.send_announcement")
    return reverse("admin:announcements_announcement_progress", args=[key]) if may else ""


def _may(viewer: Any, permission: str) -> bool:
    return bool(viewer.has_perm(permission))
