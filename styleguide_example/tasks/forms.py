"""What a person types into a schedule, checked before anything is written."""

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import cached_property
from django_celery_beat.models import PeriodicTask

from styleguide_example.tasks.choices import priority_choices, queue_choices, schedulable_tasks, task_choices, why_not
from styleguide_example.tasks.entries import SECONDS_MAX, queue_check, signature_check
from styleguide_example.tasks.enums import MissedRuns, Overlap
from styleguide_example.tasks.previews import Preview
from styleguide_example.tasks.timing_forms import MomentField, TimingForm, preview_of, timing_initial
from styleguide_example.tasks.timing_rows import when_read

#: The submit button that shows the next runs and saves nothing.
PREVIEW_BUTTON = "_preview"
_KWARGS_MAX = 16 * 1024
_POLICIES = ("jitter_seconds", "overlap", "missed_runs", "grace_seconds")
_DISABLED = ("disabled_reason", "disabled_until")


class ScheduleForm(TimingForm, forms.ModelForm[PeriodicTask]):
    """A schedule with its policies. Writes nothing: the admin gives what it read to a service.

    ``may_reserve`` is set by the admin: the engine room's priority is for superusers.
    """

    task = forms.ChoiceField(help_text="Only tasks that are declared with <code>schedulable=True</code>.")
    kwargs = forms.CharField(
        label="Arguments",
        required=False,
        max_length=_KWARGS_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField", "spellcheck": "false"}),
        help_text='By name, as a JSON object like <code>{"days": 30}</code>; checked against the task.',
    )
    queue = forms.TypedChoiceField(
        required=False, empty_value=None, help_text="Those that workers are told to take from."
    )
    priority = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    expire_seconds = forms.IntegerField(
        label="Expires after",
        required=False,
        min_value=1,
        max_value=SECONDS_MAX,
        help_text="Seconds. A run that no worker took by then is dropped.",
    )
    expires = MomentField(label="Not after", help_text="On your clock. The schedule ends here.")
    jitter_seconds = forms.IntegerField(
        label="Jitter",
        min_value=0,
        max_value=86_400,
        initial=0,
        help_text="Seconds. Runs start up to so much after their due time; how much is fixed for this installation.",
    )
    overlap = forms.ChoiceField(label="While a run goes on, the next one", choices=Overlap, initial=Overlap.ALLOW)
    missed_runs = forms.ChoiceField(label="Missed runs", choices=MissedRuns, initial=MissedRuns.RUN_ONCE)
    grace_seconds = forms.IntegerField(
        label="Grace time",
        required=False,
        min_value=0,
        max_value=SECONDS_MAX,
        help_text="Seconds. A missed run is made up for within them. Empty: however late.",
    )
    enabled = forms.BooleanField(required=False, initial=True)
    disabled_reason = forms.CharField(
        label="Reason", required=False, max_length=200, help_text="Why it is disabled, for those who find it so."
    )
    disabled_until = MomentField(label="Until", help_text="On your clock. Then it is enabled again by itself.")
    version = forms.CharField(required=False, widget=forms.HiddenInput)
    may_reserve = False

    class Meta:
        model = PeriodicTask
        fields = (
            "name",
            "description",
            "task",
            "kwargs",
            "queue",
            "priority",
            "expire_seconds",
            "start_time",
            "expires",
        )
        widgets = {
            "description": forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
            "name": forms.TextInput(attrs={"class": "vTextField"}),
        }
        labels = {"queue": "Queue"}
        help_texts = {
            "name": "A sentence that says what it does.",
            "description": "For those who come across it.",
            "queue": "Empty: the default queue.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        row = self.instance
        self.initial = {**_initial(row), **self.initial} if row.pk else self.initial
        task: Any = self.fields["task"]
        task.choices = task_choices(current=row.task)
        queue: Any = self.fields["queue"]
        queue.choices = queue_choices(current=row.queue)
        priority: Any = self.fields["priority"]
        priority.choices = priority_choices(current=row.priority, may_reserve=self.may_reserve)

    def is_valid(self) -> bool:
        """Whether it may be saved: a preview never is."""
        return super().is_valid() and PREVIEW_BUTTON not in self.data

    @cached_property
    def changed_data(self) -> list[str]:
        """What a person changed."""
        return [name for name in super().changed_data if name != "version"]

    @property
    def preview(self) -> Preview | None:
        """The next runs of what was typed, or of the schedule as it is."""
        if self.is_bound:
            return super().preview
        try:
            return preview_of(when_read(self.instance), start_time=self.instance.start_time)
        except ValueError:
            return None

    @property
    def columns(self) -> Sequence[str]:
        """What it read of the schedule itself, beside its timing."""
        return ScheduleForm.Meta.fields  # the admin's own subclass names fields that are no columns

    @property
    def policies(self) -> dict[str, Any]:
        """What it read of the schedule's policies."""
        return {name: self.cleaned_data[name] for name in _POLICIES}

    @property
    def disabled(self) -> dict[str, Any] | None:
        """Why and until when it shall be disabled; None when it shall be enabled."""
        data = self.cleaned_data
        return None if data["enabled"] else {"reason": data["disabled_reason"], "until": data["disabled_until"]}

    @property
    def is_switched(self) -> bool:
        """Whether enabled, or the reason or end of its being disabled, was changed."""
        return not {"enabled", *_DISABLED}.isdisjoint(self.changed_data)

    def clean_kwargs(self) -> str:
        """Return the arguments as JSON with sorted keys, as the timetable writes them."""
        return json.dumps(kwargs_read(self.cleaned_data["kwargs"]), sort_keys=True)

    def clean_queue(self) -> str | None:
        """Refuse one that nobody takes from any more: it is shown, so that saving something else does not change it."""
        name: str | None = self.cleaned_data["queue"]
        try:
            queue_check(name)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        return name

    def clean(self) -> dict[str, Any]:
        """Check what several fields say together."""
        data = super().clean()
        self._check_version(data)
        self._check_call(data.get("task"), data.get("kwargs"))
        self._check_priority(data.get("task"), data.get("priority"))
        if data.get("expires") and data.get("expire_seconds"):
            self.add_error("expires", "django-celery-beat keeps either this or “Expires after”, not both.")
        if data.get("start_time") and data.get("expires") and data["start_time"] >= data["expires"]:
            self.add_error("expires", "It would end before it begins.")
        if data.get("missed_runs") == MissedRuns.SKIP and data.get("grace_seconds") is not None:
            self.add_error(
                "grace_seconds", "It says how late a missed run is made up for; here missed runs are skipped."
            )
        self._check_disabled(data)
        return data

    def validate_unique(self) -> None:
        """Check the name alone. PeriodicTask's own would ask for the timing's row, which is found when it is saved."""
        same_name = PeriodicTask.objects.filter(name=self.cleaned_data.get("name")).exclude(pk=self.instance.pk)
        if same_name.exists():
            self.add_error("name", "A schedule of this name exists.")

    def _check_version(self, data: dict[str, Any]) -> None:
        """A form that was open meanwhile would undo what a deploy or another person did, and call it an edit."""
        if self.instance.pk and data.get("version") and data["version"] != _version(self.instance):
            self.add_error(
                None,
                "This schedule was changed meanwhile, by a deploy or by another person. Nothing was saved: open the "
                "page again to see how it is now.",
            )

    def _check_call(self, name: str | None, kwargs: str | None) -> None:
        task: Any = schedulable_tasks().get(name or "")
        if name and task is None:
            self.add_error(
                "task", f"{name} cannot be scheduled: {why_not(name)} Choose another, or delete the schedule."
            )
        elif task is not None and kwargs is not None and not _has_args(self.instance):
            try:
                signature_check(task, json.loads(kwargs))
            except TypeError as error:
                self.add_error("kwargs", f"The task cannot be called so: {error}.")

    def _check_priority(self, name: str | None, priority: int | None) -> None:
        task: Any = schedulable_tasks().get(name or "")
        try:
            if task is not None and priority is not None:
                task.priority_check(priority)
        except ValueError as error:
            self.add_error("priority", str(error))

    def _check_disabled(self, data: dict[str, Any]) -> None:
        if data.get("enabled"):
            data.update(disabled_reason="", disabled_until=None)
        elif data.get("disabled_until") and data["disabled_until"] <= timezone.now():
            self.add_error("disabled_until", "This time has passed.")


def kwargs_read(text: str) -> dict[str, Any]:
    """Return the arguments of a call.

    Raises:
        django.core.exceptions.ValidationError: when ``text`` is not a JSON object.
    """
    try:
        kwargs = json.loads(text or "{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"This is not JSON: {error}.", code="json") from None
    if not isinstance(kwargs, dict):
        raise ValidationError('Arguments have names: write an object like {"days": 30}.', code="object")
    return kwargs


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _version(row: PeriodicTask) -> str:
    """When it was last saved, and when its policies were; beat's own writing touches neither."""
    policies = getattr(row, "policies", None)
    return f"{row.date_changed.isoformat()} {policies.updated_at.isoformat() if policies is not None else '-'}"


def _initial(row: PeriodicTask) -> dict[str, Any]:
    """What the fields say that are not columns of the row."""
    policies = getattr(row, "policies", None)
    names = (*_POLICIES, *_DISABLED) if policies is not None else ()
    initial = {"enabled": row.enabled, "version": _version(row)}
    return {**initial, **_initial_timing(row), **{name: getattr(policies, name) for name in names}}


def _initial_timing(row: PeriodicTask) -> dict[str, Any]:
    try:
        return timing_initial(when_read(row))
    except ValueError:
        return {"kind": None}


def _has_args(row: PeriodicTask) -> bool:
    return (row.args or "[]") != "[]"
