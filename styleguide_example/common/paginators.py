"""Pages of long tables."""

from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property


class CappedPaginator(Paginator[Any]):
    """Counts up to a hundred pages: to count ten million rows for a number that nobody reads takes seconds."""

    @cached_property
    def count(self) -> int:
        """At most a hundred pages' worth."""
        rows = cast("QuerySet[Any]", self.object_list)
        return rows[: 100 * self.per_page].count()
