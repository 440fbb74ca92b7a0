"""Filters of the list of e-mails. None of them asks the rows what there is to choose from."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date

from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.models import Email
from styleguide_example.emails.samples import template_names
from styleguide_example.emails.words import KINDS

#: What the server said last, by the first digit of its reply (RFC 5321 4.2.1).
_REPLIES = {"4xx": "server said 4xx", "5xx": "server said 5xx"}
_DAYS = {"today": "Today", "yesterday": "Yesterday", "week": "Last 7 days"}
#: Rows are numbered in the order in which they are written, give or take a transaction that stays open.
_SLACK = timedelta(hours=1)
#: A day that somebody types. Next to the first and the last day that there is nothing can be reckoned.
_YEARS = (1970, 9000)


class TemplateFilter(admin.SimpleListFilter):
    """One template of those that there are."""

    title = "template"
    parameter_name = "template"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Their names."""
        return [(name, name) for name in template_names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Written from it. A name that is not offered may be one that e-mails were written from earlier."""
        name = self.value()
        if not name:
            return queryset
        return queryset.none() if "\x00" in name else queryset.filter(category=name)  # PostgreSQL refuses it


class DayFilter(admin.SimpleListFilter):
    """The day on which they were written, in the time zone of the page."""

    title = "day"
    parameter_name = "day"
    template = "emails_admin/day_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Those that people ask for; any other is typed."""
        return list(_DAYS.items())

    def choices(self, changelist: Any) -> Iterator[Any]:
        """With what the form for any other day needs: the other parameters, and the day that it shows."""
        params = {**changelist.get_filters_params(), SEARCH_VAR: [changelist.query] if changelist.query else []}
        hidden = [(name, value) for name, values in params.items() if name != self.parameter_name for value in values]
        typed = "" if self.value() in _DAYS else self.value() or ""
        for choice in super().choices(changelist):
            yield {**choice, "hidden": hidden, "typed": typed}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Written then. What is no day finds nothing."""
        if not self.value():
            return queryset
        days = _days(str(self.value()))
        return queryset.none() if days is None else _written_between(queryset, *days)


class ErrorFilter(admin.SimpleListFilter):
    """The class of the last error, or of the server's last reply."""

    title = "error"
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All classes that there are."""
        return [*((kind.value, KINDS[kind]) for kind in FailureKind), *_REPLIES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """With such an error. What is not offered finds nothing."""
        chosen = self.value()
        if not chosen:
            return queryset
        if chosen in _REPLIES:
            return queryset.filter(~Q(last_error_kind=""), smtp_reply__startswith=chosen[0])
        return queryset.filter(last_error_kind=chosen) if chosen in FailureKind else queryset.none()


def _days(chosen: str) -> tuple[date, date] | None:
    """The first day, and the one after the last."""
    today = timezone.localdate()
    tomorrow = today + timedelta(days=1)
    match chosen:
        case "today":
            return today, tomorrow
        case "yesterday":
            return today - timedelta(days=1), today
        case "week":
            return today - timedelta(days=6), tomorrow
    try:
        day = parse_date(chosen)
    except ValueError:  # 31 February
        return None
    return (day, day + timedelta(days=1)) if day and _YEARS[0] <= day.year <= _YEARS[1] else None


def _written_between(emails: QuerySet[Any], first: date, after: date) -> QuerySet[Any]:
    """By the primary key too: the list begins at its newest end, and reads no row that is older than the first day.

    To find where that is it reads the rows since then, from their newest: an index of the day would cost every write.
    """
    begin, end = _midnight(first), _midnight(after)
    older = Email.objects.filter(created_at__lt=begin - _SLACK).order_by("-pk").values("pk")[:1]
    return emails.filter(created_at__gte=begin, created_at__lt=end, pk__gt=Coalesce(Subquery(older), Value(0)))


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
