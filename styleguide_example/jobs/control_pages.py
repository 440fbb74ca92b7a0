"""The admin's pages on which queues and kinds are paused, resumed and purged. The caller checks the permission."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.jobs import services
from styleguide_example.jobs.enums import Scope
from styleguide_example.jobs.forms import ControlForm
from styleguide_example.jobs.models import ControlEntry
from styleguide_example.jobs.pauses import scope_check
from styleguide_example.jobs.selectors import job_controls, jobs_waiting_count

PAGE = "admin:jobs_pause_changelist"
#: One request ends so many at most: it must be over before a proxy gives up on it.
PURGE_MAX = 10_000
ENTRIES_SHOWN = 10

Context = Mapping[str, Any]


def controls_page(request: HttpRequest, *, context: Context) -> HttpResponse:
    """Every queue and kind with what waits, runs and is paused, and what was done lately. Writes nothing."""
    controls = job_controls()
    entries = ControlEntry.objects.select_related("done_by").order_by("-done_at", "-pk")[:ENTRIES_SHOWN]
    groups = [(scope.label, [control for control in controls if control.scope is scope]) for scope in Scope]
    data = {**context, "title": "Pause, resume, purge", "groups": groups, "entries": entries}
    return TemplateResponse(request, "jobs/admin/controls.html", data)


def control_act(request: HttpRequest, *, action: str) -> HttpResponse:
    """Pause or resume what the form names, and say so."""
    form = ControlForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Nothing was changed. {form.problem}")
        return redirect(PAGE)
    act = services.job_pause if action == "pause" else services.job_resume
    target = form.target
    try:
        count = act(**target, by=request.user, reason=form.cleaned_data["reason"])
    except ConflictError as error:
        messages.error(request, f"Nothing was changed. {error}")
    else:
        did = "is paused; waiting behind it" if action == "pause" else "goes on; let go on"
        messages.success(request, f"{target['scope'].label} {target['name']} {did}: {_jobs(count)}.")
    return redirect(PAGE)


def purge_page(request: HttpRequest, *, context: Context) -> HttpResponse:
    """Say how many jobs a purge would end, and end them when that was confirmed."""
    form = ControlForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Nothing was changed. {form.problem}")
        return redirect(PAGE)
    try:
        if request.POST.get("confirmed"):
            _purge(request, form)
            return redirect(PAGE)
        scope_check(**form.target)
    except ConflictError as error:
        messages.error(request, f"Nothing was changed. {error}")
        return redirect(PAGE)
    data = {
        "title": "Are you sure?",
        "count": jobs_waiting_count(**form.target),
        "target": form.target,
        "max": PURGE_MAX,
    }
    return TemplateResponse(request, "jobs/admin/purge.html", {**context, **data})


def _purge(request: HttpRequest, form: ControlForm) -> None:
    target = form.target
    ended = services.job_purge(**target, by=request.user, reason=form.cleaned_data["reason"], limit=PURGE_MAX)
    messages.success(request, f"{target['scope'].label} {target['name']} was purged; ended: {_jobs(ended)}.")
    left = jobs_waiting_count(**target) if ended >= PURGE_MAX else 0
    if left:
        command = f"manage.py jobs purge --{target['scope']} {target['name']}"
        messages.warning(request, f"{_jobs(left)} still waiting. Purge again, or run: {command}")


def _jobs(count: int) -> str:
    return f"{count:,} job{'' if count == 1 else 's'}"
