"""What staff may do with the jobs that they selected. Each action says what became of each."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.jobs import services
from styleguide_example.jobs.columns import job_page
from styleguide_example.jobs.models import Job

#: One request acts on so many at most. Whoever means all of them purges a queue or a kind.
JOBS_MAX = 200


class JobActions(admin.ModelAdmin[Job]):
    """One call of a service for each job, an entry in its history, a message where it was refused, and a summary."""

    actions = ("cancel", "retry", "terminate")

    def has_act_permission(self, request: HttpRequest) -> bool:
        """To cancel and retry is what "may change jobs" means here."""
        return bool(request.user.has_perm("jobs.change_job"))

    def has_terminate_permission(self, request: HttpRequest) -> bool:
        """To kill a worker's process may cost more than the job."""
        return bool(request.user.has_perm("jobs.terminate_job"))

    @admin.action(description="Cancel", permissions=["act"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        """Stop them: those that wait never start, those that run stop at their next report of progress."""
        return self._each(request, jobs, lambda job: services.job_cancel(job=job, by=request.user), "asked to stop")

    @admin.action(description="Retry (failed and cancelled ones, as new jobs)", permissions=["act"])
    def retry(self, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        """Do them again. A person's job is started again only by somebody who might start one of that kind."""

        def act(job: Job) -> None:
            services.job_retry(job=job, by=None if job.owner_id is None else request.user)

        return self._each(request, jobs, act, "started again")

    @admin.action(description="Terminate (kill the process of running ones)", permissions=["terminate"])
    def terminate(self, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        """Kill, once that was confirmed."""
        if request.POST.get("confirmed"):
            reason = request.POST.get("reason", "")
            return self._each(
                request,
                jobs,
                lambda job: services.job_terminate(job=job, by=request.user, reason=reason),
                "asked to be terminated",
            )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "Are you sure?",
            "jobs": jobs[:JOBS_MAX],
            "is_from_page": _is_from_page(request),
        }
        return TemplateResponse(request, "jobs/admin/terminate.html", context)

    def _each(
        self, request: HttpRequest, jobs: QuerySet[Job], act: Callable[[Job], Any], did: str
    ) -> HttpResponse | None:
        """Act on each, log it in the admin's history, and report what was refused and why."""
        chosen = list(jobs[: JOBS_MAX + 1])
        done = 0
        for job in chosen[:JOBS_MAX]:
            try:
                act(job)
            except ConflictError as error:
                self.message_user(request, str(error), messages.WARNING)
            else:
                done += 1
                self.log_change(request, job, f"{did.capitalize()}.")
        if done:
            self.message_user(request, f"{done} {did}.", messages.SUCCESS)
        if len(chosen) > JOBS_MAX:
            self.message_user(request, f"Only the first {JOBS_MAX}: to end more, purge their kind.", messages.WARNING)
        return _way_back(request, chosen)


def _way_back(request: HttpRequest, chosen: list[Job]) -> HttpResponse | None:
    """To where the button stood; None is the list."""
    if request.POST.get("from") == "board":
        return redirect("admin:jobs_job_board")
    return redirect(job_page(chosen[0])) if _is_from_page(request) and chosen else None


def _is_from_page(request: HttpRequest) -> bool:
    """Whether the button is one of a job's own page, and not the list's."""
    return request.POST.get("from") == "page"
