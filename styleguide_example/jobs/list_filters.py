"""By what the admin's list of jobs is filtered: each through an index, and none by reading every row."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from styleguide_example.jobs.enums import RUNNING_STATES, WAITING_STATES, JobState
from styleguide_example.jobs.selectors import job_kinds_seen, kind_title

#: In the address of the list: the parts of this batch.
PARENT_PARAMETER = "parent__exact"

_STATES = {
    "waiting": ("Waiting", WAITING_STATES),
    "running": ("Running", RUNNING_STATES),
    "done": ("Done", (JobState.SUCCESS,)),
    "failed": ("Failed", (JobState.FAILURE,)),
    "cancelled": ("Cancelled", (JobState.REVOKED,)),
}

_ENDED = {
    "hour": ("Within the hour", timedelta(hours=1)),
    "day": ("Within 24 hours", timedelta(hours=24)),
}


class StateFilter(admin.SimpleListFilter):
    """How they stand, in words of people: Celery has two for running."""

    title = "state"
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The words."""
        return [(name, label) for name, (label, _) in _STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those in the states of the word."""
        chosen = _STATES.get(self.value() or "")
        if chosen is None:
            return queryset
        # Said twice, for the indexes of what has not ended.
        is_active = chosen[1][0] in {*WAITING_STATES, *RUNNING_STATES}
        return queryset.filter(state__in=chosen[1], finished_at__isnull=is_active)


class KindFilter(admin.SimpleListFilter):
    """One kind: those that are declared, and those that jobs have although nobody declares them any more."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """One query, however many jobs there are."""
        return [(name, kind_title(name)) for name in job_kinds_seen()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of this kind. What is not offered finds nothing, and does not reach the database."""
        chosen = self.value()
        if not chosen:
            return queryset
        return queryset.filter(kind__in=[name for name, _ in self.lookup_choices if name == chosen])


class EndedFilter(admin.SimpleListFilter):
    """What ended lately, by the database's clock, as the times of jobs are."""

    title = "ended"
    parameter_name = "ended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The words."""
        return [(name, label) for name, (label, _) in _ENDED.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that ended so lately."""
        chosen = _ENDED.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(finished_at__gte=Now() - chosen[1])


class PartFilter(admin.SimpleListFilter):
    """Without another word the parts of batches are not listed: they would bury everything else."""

    title = "parts of batches"
    parameter_name = "parts"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """With them; "All" is without."""
        return [("with", "With parts")]

    def choices(self, changelist: Any) -> Any:
        """Call the first one by what it does."""
        without, *others = super().choices(changelist)
        return [{**without, "display": "Without parts"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """A part is found by its id, under its batch, or when parts are asked for."""
        is_named = PARENT_PARAMETER in request.GET or uuid_of(request.GET.get(SEARCH_VAR, "")) is not None
        return queryset if is_named or self.value() == "with" else queryset.filter(parent__isnull=True)


def uuid_of(text: str) -> uuid.UUID | None:
    """Return the id that somebody typed, or None."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None
