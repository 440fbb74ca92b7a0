"""What a list of jobs can be narrowed to."""

import django_filters as filters
from django.db.models import QuerySet

from styleguide_example.jobs.enums import ACTIVE_STATES, JobState
from styleguide_example.jobs.models import Job


class JobFilter(filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """By kind, state and time. Takes what a serializer has validated."""

    kind = filters.CharFilter()
    state = filters.MultipleChoiceFilter(choices=JobState.choices)
    active = filters.BooleanFilter(method="_active")
    created_after = filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("created_at", lookup_expr="lt")

    class Meta:
        model = Job
        fields = ("kind", "state", "active", "created_after", "created_before")

    def _active(self, jobs: QuerySet[Job], name: str, value: bool) -> QuerySet[Job]:  # noqa: FBT001  django-filter calls it so
        """Those that wait or run, or those that have ended."""
        return jobs.filter(state__in=ACTIVE_STATES) if value else jobs.exclude(state__in=ACTIVE_STATES)
