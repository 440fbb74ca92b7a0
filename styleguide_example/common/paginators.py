"""Pages of long tables."""

from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property


class _AtLeast(int):
    """A count that was given up at this number, and says so where it is shown."""

    def __str__(self) -> str:
        return f"more than {super().__str__()}"


class CappedPaginator(Paginator[Any]):
    """Counts up to a hundred pages: to count ten million rows for a number that nobody reads takes seconds."""

    @cached_property
    def count(self) -> int:
        """At most a hundred pages' worth."""
        rows = cast("QuerySet[Any]", self.object_list)
        most = 100 * self.per_page
        found = rows[: most + 1].count()
        return found if found <= most else _AtLeast(most)
