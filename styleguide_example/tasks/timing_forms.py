"""The part of a form that says when something runs, with its preview. Knows no row."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from styleguide_example.tasks.previews import Preview, preview_make
from styleguide_example.tasks.timing import EPOCH, Cron, Every, Once, When
from styleguide_example.users.models import time_zone_names

_KINDS = [("cron", "by the clock: a crontab line"), ("every", "at an interval"), ("once", "once")]
_PERIODS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_FIRST_YEAR, _LAST_YEAR = 1971, 2199


class MomentField(forms.DateTimeField):
    """A moment on the viewer's clock, in the browser's own widget: no script is needed."""

    def __init__(self, **options: Any) -> None:
        attrs = {"type": "datetime-local", "step": "1"}
        super().__init__(widget=forms.DateTimeInput(attrs=attrs, format="%Y-%m-%dT%H:%M:%S"), required=False, **options)

    def to_python(self, value: Any) -> datetime | None:
        """Return the moment, in a year from which calendars can reckon to both sides."""
        moment: datetime | None = super().to_python(_first_passage(value))
        if moment is not None and not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise ValidationError(f"Choose a year between {_FIRST_YEAR} and {_LAST_YEAR}.", code="year")
        return moment


def _first_passage(value: Any) -> Any:
    """Read a time that the viewer's clock shows twice, or skips, as Python does: the first one; Django refuses both."""
    try:
        naive = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return naive if naive.tzinfo is not None else naive.replace(tzinfo=timezone.get_current_timezone())


class TimingForm(forms.Form):
    """When it runs. ``when`` is the timing once the form was found valid, and None before."""

    kind = forms.ChoiceField(label="Runs", choices=_KINDS, widget=forms.RadioSelect, initial="cron")
    cron_line = forms.CharField(
        label="Crontab line",
        required=False,
        max_length=200,
        help_text="Minute, hour, day of month, month, day of week. For example <code>30 3 * * mon-fri</code>.",
        widget=forms.TextInput(attrs={"class": "cron-line", "autocomplete": "off", "spellcheck": "false"}),
    )
    time_zone = forms.CharField(
        label="Time zone",
        required=False,
        max_length=63,
        initial="UTC",
        help_text="Whose clock the line is about, like Europe/Paris.",
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off", "spellcheck": "false"}),
    )
    every = forms.IntegerField(label="Every", required=False, min_value=1, max_value=100_000)
    period = forms.ChoiceField(
        label="Unit", required=False, choices=[(name, name) for name in _PERIODS], initial="minutes"
    )
    at = MomentField(label="On", help_text="On your clock.")
    start_time = MomentField(label="Not before", help_text="On your clock. An interval is counted from here, if given.")
    when: When | None = None

    def clean(self) -> dict[str, Any]:
        """Make the timing, or say which field is wrong."""
        data = super().clean() or self.cleaned_data
        read = {"cron": self._cron, "every": self._every, "once": self._once}.get(data.get("kind", ""))
        self.when = read(data) if read is not None else None
        return data

    @property
    def preview(self) -> Preview | None:
        """The next runs of what was typed; None when that cannot be read."""
        if self.is_bound:
            _ = self.errors  # reading them validates
        return preview_of(self.when, start_time=self.cleaned_data.get("start_time")) if self.when else None

    @property
    def time_zones(self) -> list[str]:
        """What the browser offers while a zone is typed."""
        return sorted(time_zone_names())

    def _cron(self, data: dict[str, Any]) -> When | None:
        line, zone = data.get("cron_line", ""), data.get("time_zone") or "UTC"
        if self._tried("time_zone", lambda: Cron("* * * * *", zone)) is None:
            return None
        return self._tried("cron_line", lambda: Cron(line, zone)) if line else self._missing("cron_line")

    def _every(self, data: dict[str, Any]) -> When | None:
        number, seconds = data.get("every"), _PERIODS[data.get("period") or "minutes"]
        if number is None:
            return self._missing("every")
        interval = timedelta(seconds=number * seconds)
        return self._tried("every", lambda: Every(interval, anchor=data.get("start_time") or EPOCH))

    def _once(self, data: dict[str, Any]) -> When | None:
        return Once(data["at"]) if data.get("at") else self._missing("at")

    def _tried(self, name: str, read: Callable[[], When]) -> When | None:
        try:
            return read()
        except ValueError as error:
            self.add_error(name, str(error))
            return None

    def _missing(self, name: str) -> When | None:
        if name not in self.errors:
            self.add_error(name, "This is needed for the kind that is chosen above.")
        return None


def preview_of(when: When, *, start_time: datetime | None) -> Preview:
    """Return the next runs from now, or from the start time, on the viewer's clock: Django's active zone."""
    now = timezone.now()
    after = max(now, start_time - timedelta(microseconds=1)) if start_time else now
    return preview_make(when, now=after, viewer_zone=ZoneInfo(timezone.get_current_timezone_name()))


def timing_initial(when: When) -> dict[str, Any]:
    """Return what the fields of :class:`TimingForm` say of a timing."""
    if isinstance(when, Cron):
        return {"kind": "cron", "cron_line": when.line, "time_zone": when.time_zone}
    if isinstance(when, Once):
        return {"kind": "once", "at": when.at}
    period, seconds = next(item for item in _PERIODS.items() if when.seconds % item[1] == 0)
    return {"kind": "every", "every": when.seconds // seconds, "period": period}
