"""What can go wrong with schedules."""

from styleguide_example.core.exceptions import ConflictError


class TimetableError(ConflictError):
    """The timetable cannot be applied as it stands. Nothing was changed."""
