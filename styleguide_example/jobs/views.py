"""Pages: a person's own jobs, to watch rather than to read. Somebody else's is as unknown as one that never was."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, gettext_lazy
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.generic import ListView
from django_stubs_ext import StrOrPromise

from styleguide_example.common.paginators import CappedPaginator
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.jobs.enums import ACTIVE_STATES, JobState
from styleguide_example.jobs.exceptions import JobAlreadyActiveError
from styleguide_example.jobs.kinds import job_kind_find
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.selectors import job_chain, job_children_failed, job_get_for, job_list, kind_title
from styleguide_example.jobs.services import job_cancel, job_retry
from styleguide_example.notifications.services import notifications_mark_seen

#: What the list can be narrowed to, in the words of its links.
FILTERS: dict[str, tuple[StrOrPromise, tuple[str, ...]]] = {
    "": (gettext_lazy("All"), ()),
    "active": (gettext_lazy("Waiting and running"), ACTIVE_STATES),
    "done": (gettext_lazy("Done"), (JobState.SUCCESS,)),
    "failed": (gettext_lazy("Failed"), (JobState.FAILURE,)),
    "cancelled": (gettext_lazy("Cancelled"), (JobState.REVOKED,)),
}
#: So many failed parts of a batch are named on its page.
FAILED_PARTS_MAX = 20


@method_decorator(never_cache, name="dispatch")
class JobListView(LoginRequiredMixin, ListView[Job]):
    """My jobs, the newest first."""

    template_name = "jobs/list.html"
    context_object_name = "jobs"
    paginate_by = 20
    paginator_class = CappedPaginator

    def get_queryset(self) -> QuerySet[Job]:
        """Mine alone, without the columns that may be large."""
        jobs = job_list(owner=self.request.user).defer("parameters", "result", "traceback")
        _, states = FILTERS[self.state]
        return jobs.filter(state__in=states) if states else jobs

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the links that narrow the list."""
        filters = [(name, words) for name, (words, _) in FILTERS.items()]
        return super().get_context_data(filters=filters, chosen=self.state, **kwargs)

    @property
    def state(self) -> str:
        """What the address narrows the list to; what it does not know narrows nothing."""
        state = self.request.GET.get("state", "")
        return state if state in FILTERS else ""


@method_decorator(never_cache, name="dispatch")
class JobView(LoginRequiredMixin, View):
    """One job of mine. Its live part is fetched again each second; without JavaScript the page is, now and then."""

    def get(self, request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
        """Show it. What told of its end has been seen then."""
        job = _job_or_404(request, job_id)
        _mark_seen(request, job)
        return render(request, "jobs/job.html", _job_context(request, job))


@method_decorator(never_cache, name="dispatch")
class JobProgressView(LoginRequiredMixin, View):
    """The live part of the page alone."""

    def get(self, request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
        """``?seen=1`` says that somebody looks at it, and not a tab in the background."""
        job = _job_or_404(request, job_id)
        if request.GET.get("seen") == "1":
            _mark_seen(request, job)
        return render(request, "jobs/_job.html", _job_context(request, job))


@method_decorator(never_cache, name="dispatch")
class JobCancelView(LoginRequiredMixin, View):
    """Asks whether it shall stop, and stops it."""

    def get(self, request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
        """Ask; of one that has ended there is nothing to ask."""
        job = _job_or_404(request, job_id)
        if not job.is_active:
            return redirect("jobs:job", job_id=job.pk)
        return render(request, "jobs/cancel.html", {"job": job})

    def post(self, request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
        """Cancel it, or say what was faster."""
        job = _job_or_404(request, job_id)
        try:
            job_cancel(job=job, by=request.user)
        except ConflictError:
            messages.warning(request, gettext("It had ended before it could be cancelled."))
        return redirect("jobs:job", job_id=job.pk)


@method_decorator(never_cache, name="dispatch")
class JobRetryView(LoginRequiredMixin, View):
    """Starts the same once more."""

    http_method_names = ("post", "options")
    redirect_field_name = None  # nobody can be led back to a form that was sent

    def post(self, request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
        """Go to the new one; or to the one that is doing the same."""
        job = _job_or_404(request, job_id)
        try:
            new = job_retry(job=job, by=request.user)
        except JobAlreadyActiveError as error:
            return self._active(request, job, error.job_id)
        except ConflictError:
            words = gettext("“%(title)s” cannot be started again like this.")
            messages.error(request, words % {"title": kind_title(job.kind)})
            return redirect("jobs:job", job_id=job.pk)
        return redirect("jobs:job", job_id=new.pk)

    @staticmethod
    def _active(request: HttpRequest, job: Job, active_id: uuid.UUID) -> HttpResponse:
        """Somebody else's may not be shown."""
        if job_get_for(owner=request.user, job_id=active_id) is None:
            messages.warning(
                request, gettext("Somebody else is doing the same right now. Try again when that has ended.")
            )
            return redirect("jobs:job", job_id=job.pk)
        messages.info(request, gettext("The same is being done already: this is it."))
        return redirect("jobs:job", job_id=active_id)


def _job_or_404(request: HttpRequest, job_id: uuid.UUID) -> Job:
    job = job_get_for(owner=request.user, job_id=job_id)
    if job is None:
        raise Http404
    return job


def _job_context(request: HttpRequest, job: Job) -> dict[str, Any]:
    """What stands around it costs a query only where it can exist."""
    failed = _failed_parts(job) if job.is_batch and job.children_failed else ()
    next_try = None if job.is_active else job_list(owner=request.user).filter(retry_of=job).first()
    kind = job_kind_find(job.kind)
    return {
        "job": job,
        "failed_parts": failed,
        "chain": job_chain(job=job),
        "next_try": next_try,
        "may_retry": _may_retry(job),
        "kind_url": kind.url(job) if kind and kind.url and job.parent_id is None else "",
    }


def _failed_parts(job: Job) -> QuerySet[Job]:
    return job_children_failed(job=job).defer("result", "traceback")[:FAILED_PARTS_MAX]


def _may_retry(job: Job) -> bool:
    return job.state in (JobState.FAILURE, JobState.REVOKED) and job.parent_id is None


def _mark_seen(request: HttpRequest, job: Job) -> None:
    if not job.is_active and request.user.pk is not None:
        notifications_mark_seen(user_id=request.user.pk, url=reverse("jobs:job", kwargs={"job_id": job.pk}))
