"""For how long the oldest of what is due has waited, as bars on one scale with a line where it is too long. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from styleguide_example.operations.standings import Line
from styleguide_example.tasks.words import duration_in_words

WIDTH = 100


@dataclass(frozen=True)
class Age:
    """A line and its bar. ``limit_x`` is where the line stands that it should not cross."""

    line: Line
    width: str
    limit_x: str

    @property
    def count(self) -> str:
        """As in "2,100"."""
        return f"{self.line.count:,}"

    @property
    def paused(self) -> str:
        """The same."""
        return f"{self.line.paused:,}"

    @property
    def in_words(self) -> str:
        """As in "3 min 20 s"; of nothing "-"."""
        return duration_in_words(timedelta(seconds=self.line.seconds)) if self.line.count else "-"


def ages_make(lines: Sequence[Line]) -> list[Age]:
    """Return ``lines`` with their bars: the limit is in the middle unless something is more than twice as old."""
    limit = settings.OPERATIONS_DUE_TOO_OLD_SECONDS
    longest = max([2.0 * limit, *(line.seconds for line in lines)])
    return [
        Age(line=line, width=f"{WIDTH * line.seconds / longest:.1f}", limit_x=f"{WIDTH * limit / longest:.1f}")
        for line in lines
    ]
