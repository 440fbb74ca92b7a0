"""What can go wrong with schedules."""

from styleguide_example.core.exceptions import ConflictError


class ScheduleNotRunError(ConflictError):
    """The schedule cannot be run now. Nothing was changed."""


class TimetableError(ConflictError):
    """The timetable cannot be applied as it stands. Nothing was changed."""
