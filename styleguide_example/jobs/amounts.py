"""Numbers, paces and durations, in a person's words and language. Nothing of jobs in here."""

import math
from datetime import timedelta

from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy, ngettext_lazy

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_PACES = (
    (1, gettext_lazy("%(number)s a second")),
    (_MINUTE, gettext_lazy("%(number)s a minute")),
    (_HOUR, gettext_lazy("%(number)s an hour")),
)
_UNITS = {
    1: ngettext_lazy("%(number)d second", "%(number)d seconds", "number"),
    _MINUTE: ngettext_lazy("%(number)d minute", "%(number)d minutes", "number"),
    _HOUR: ngettext_lazy("%(number)d hour", "%(number)d hours", "number"),
    _DAY: ngettext_lazy("%(number)d day", "%(number)d days", "number"),
}


def number_words(number: float, *, decimals: int = 0) -> str:
    """Return the number with the separators of the language, as in 12,345.6 and 12.345,6."""
    return number_format(round(number, decimals), decimal_pos=decimals, force_grouping=True)


def pace_words(rate: float | None) -> str:
    """Return steps a second in the unit that gives a number which can be read."""
    if not rate or rate <= 0:
        return ""
    for seconds, words in _PACES:
        number = rate * seconds
        if number >= 1:
            return words % {"number": number_words(number, decimals=0 if number >= 10 else 1)}
    return gettext("less than one an hour")


def left_words(seconds: float) -> str:
    """Return how long still, rounded so that it does not flicker."""
    if seconds < 10:
        return gettext("a few seconds left")
    if seconds <= 50:  # by tens; what is more is a minute
        time = _some(math.ceil(seconds / 10) * 10, 1)
    else:
        unit = _MINUTE if seconds <= 90 * _MINUTE else _HOUR if seconds <= 2 * _DAY else _DAY
        time = _some(math.ceil(seconds / unit), unit)
    return gettext("about %(time)s left") % {"time": time}


def duration_words(duration: timedelta) -> str:
    """Return how long it took, in its two largest units."""
    seconds = max(duration.total_seconds(), 0)
    if seconds < 1:
        return gettext("less than a second")
    for unit, smaller in ((_DAY, _HOUR), (_HOUR, _MINUTE), (_MINUTE, 1)):
        if seconds >= unit:
            rest = int(seconds % unit // smaller)
            return _some(int(seconds // unit), unit) + (f" {_some(rest, smaller)}" if rest else "")
    return _some(int(seconds), 1)


def _some(number: int, unit: int) -> str:
    return str(_UNITS[unit] % {"number": number})
