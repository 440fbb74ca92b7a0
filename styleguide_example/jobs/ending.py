"""How a job ends: in one place and one transaction, whoever ends it.

State, count in the parent, next step of the chain and what the owner is told are committed together, or not at all.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

from styleguide_example.common.persistence import persistent
from styleguide_example.jobs import batches
from styleguide_example.jobs.chains import chain_continue
from styleguide_example.jobs.enums import ACTIVE_STATES, ErrorCode, JobState
from styleguide_example.jobs.kinds import JobKind, job_kind_find
from styleguide_example.jobs.models import MESSAGE_LENGTH_MAX, Job
from styleguide_example.notifications.enums import Level
from styleguide_example.notifications.services import notification_send

logger = structlog.get_logger(__name__)

CODE_LENGTH_MAX = 64
_NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_owner": "", "lease_expires_at": None}


@dataclass(frozen=True)
class Ending:
    """How a job ended. ``message`` is for its owner, ``traceback`` for staff alone."""

    state: JobState
    result: Any = None
    code: str = ""
    message: str = ""
    traceback: str = ""


#: What an owner is told, in their language.
_TOLD = {
    JobState.SUCCESS: gettext_lazy("{title}: done"),
    JobState.FAILURE: gettext_lazy("{title}: failed"),
    JobState.REVOKED: gettext_lazy("{title}: cancelled"),
}
_error_text = lazy(attrgetter("error_text"), str)

# Written into rows in English, and translated for whoever reads it (`Job.error_text`).
CANCELLED = Ending(JobState.REVOKED, code=ErrorCode.CANCELLED, message=_("It was cancelled."))
TERMINATED = Ending(JobState.REVOKED, code=ErrorCode.TERMINATED, message=_("Staff stopped it."))


@persistent
@transaction.atomic
def job_end(job_id: uuid.UUID, *, when: Q, ending: Ending, **changes: Any) -> bool:
    """End the job if it is active and ``when`` holds, with all that follows from it. Returns whether this call did.

    ``when`` names the holder's token, or that there is no holder: of two who end a job, one does.
    """
    ended = Job.objects.filter(when, pk=job_id, state__in=ACTIVE_STATES).update(
        state=ending.state,
        finished_at=Now(),
        next_attempt_at=None,
        updated_at=Now(),
        result=ending.result,
        error_code=ending.code[:CODE_LENGTH_MAX],
        error_message=plain_text(ending.message)[:MESSAGE_LENGTH_MAX],
        traceback=plain_text(ending.traceback),
        **_NO_LEASE,
        **changes,
    )
    if not ended:
        return False
    job = Job.objects.get(pk=job_id)
    if job.parent_id is not None and (parent := batches.child_ended(job, parent_id=job.parent_id)) is not None:
        batch_end(parent)
    _follow(chain_continue, job)
    _follow(_tell_owner, job)
    log = logger.error if job.state == JobState.FAILURE else logger.info
    log("job_ended", job_id=str(job.pk), kind=job.kind, state=job.state, code=job.error_code, attempts=job.attempts)
    return True


def batch_end(parent: Job) -> bool:
    """End a batch of which every child has ended. Returns whether this call did."""
    counts = batches.children_counts(parent)
    failed, total = parent.children_failed, parent.children_total
    if failed:
        message = f"{failed:,} of {total:,} parts failed."
        ending = Ending(JobState.FAILURE, counts, ErrorCode.PARTIAL_FAILURE, message)
    elif parent.children_cancelled:
        message = f"{parent.children_cancelled:,} of {total:,} parts were cancelled."
        code = ErrorCode.CANCELLED if parent.cancel_requested_at else ErrorCode.PURGED
        ending = Ending(JobState.REVOKED, counts, code, message)
    else:
        ending = Ending(JobState.SUCCESS, counts)
    return job_end(parent.pk, when=Q(is_batch=True), ending=ending)


def plain_text(text: str) -> str:
    """Return the text without what no database can keep: NUL, and halves of characters, as in names of files."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _follow(step: Callable[[Job], None], job: Job) -> None:
    """Do what follows from the end. What goes wrong with it is a bug, and must not keep the job from ending.

    Nothing of it is kept then, so a continuation stays, and the sweep tries again. An error of the database's rises:
    the whole end is repeated.
    """
    try:
        with transaction.atomic():
            step(job)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("job_end_not_followed", job_id=str(job.pk), kind=job.kind, step=step.__name__)


def _tell_owner(job: Job) -> None:
    """Tell the owner, where the kind does; not of a child (its parent tells), nor of what they stopped themselves."""
    kind = job_kind_find(job.kind)
    if kind is None or not kind.tells_owner or job.owner_id is None:
        return
    is_own_doing = job.error_code == ErrorCode.CANCELLED and job.cancel_requested_by_id in {None, job.owner_id}
    if job.parent_id is not None or is_own_doing:
        return
    succeeded = job.state == JobState.SUCCESS
    notification_send(
        user_id=job.owner_id,
        level=Level.SUCCESS if succeeded else Level.FAILURE,
        title=format_lazy(_TOLD[JobState(job.state)], title=kind.title),
        text=job.progress_message if succeeded else _error_text(job),
        url=_url(kind, job),
        group="" if succeeded else f"job:{kind.name}",
    )


def _url(kind: JobKind, job: Job) -> str:
    return kind.url(job) if kind.url else reverse("jobs:job", kwargs={"job_id": job.pk})
