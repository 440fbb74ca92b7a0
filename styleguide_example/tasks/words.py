"""A timing, a duration and a distance in English, the way a person says them. Pure."""

from datetime import datetime, timedelta

from cron_descriptor import FormatException, MissingFieldException, Options, WrongArgumentException, get_description

from styleguide_example.tasks.timing import Cron, Every, When

_MINUTE, _HOUR, _DAY = 60, 60 * 60, 24 * 60 * 60
_UNITS = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second"))
#: Where none of the three is restricted, a line runs every day.
_DAYS = ("day_of_month", "month_of_year", "day_of_week")


def when_in_words(when: When) -> str:
    """Return the sentence that the list shows: "At 03:30 every day (Europe/Paris)"."""
    if isinstance(when, Cron):
        return f"{cron_in_words(when)} ({when.time_zone})"
    if isinstance(when, Every):
        return f"Every {_interval_in_words(when.seconds)}"
    return f"Once, on {moment_in_words(when.at)} {when.at:%Z}"


def cron_in_words(cron: Cron) -> str:
    """Return the line in English, without its time zone; the line itself where there is no English for it."""
    try:
        words = str(get_description(cron.line, _options()))
    except (FormatException, MissingFieldException, WrongArgumentException):
        return cron.line
    is_daily = all(cron.fields[name] == "*" for name in _DAYS)
    return f"{words} every day" if is_daily and words.startswith("At ") and "past the hour" not in words else words


def cron_warnings(cron: Cron) -> list[str]:
    """Return what is allowed, and seldom what was meant."""
    fields = cron.fields
    warnings = []
    if fields["minute"] in {"*", "*/1", "0-59"}:
        warnings.append('It runs every minute of its hours. If once an hour was meant, begin the line with "0".')
    if not any(fields[name].startswith("*") for name in ("day_of_month", "day_of_week")):
        warnings.append(
            "It names days of the month and days of the week, and runs only on days that are both. "
            "(crontab(5) would take either.)"
        )
    return warnings


def moment_in_words(moment: datetime) -> str:
    """Return a moment on its own clock: "Fri 20 Nov 2026, 12:00". Seconds only where there are any."""
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M}" + (f":{moment:%S}" if moment.second else "")


def duration_in_words(duration: timedelta) -> str:
    """Return a duration in the two units that matter: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min", "4 d 1 h"."""
    seconds = duration.total_seconds()
    if seconds < 0.05:
        return "under 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for large, small, size in (("d", "h", _DAY), ("h", "min", _HOUR), ("min", "s", _MINUTE)):
        if whole >= size:
            per_small = {"h": _HOUR, "min": _MINUTE, "s": 1}[small]
            rest = whole % size // per_small
            return f"{whole // size} {large}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def distance_in_words(moment: datetime, *, now: datetime) -> str:
    """Return how far away a moment is: "in 3 h 10 min", "2 d ago", "now"."""
    away = moment - now
    if abs(away) < timedelta(seconds=1):
        return "now"
    return f"in {duration_in_words(away)}" if away > timedelta(0) else f"{duration_in_words(-away)} ago"


def _interval_in_words(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    number = seconds // size
    return unit if number == 1 else f"{number} {unit}s"


def _options() -> Options:
    options = Options()
    options.use_24hour_time_format = True
    options.locale_code = "en_US"  # whatever the machine speaks
    return options
