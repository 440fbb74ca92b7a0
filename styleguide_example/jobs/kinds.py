"""What a kind of job is: declared by its app in ``job_kinds.py``, found there when Django starts."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django_stubs_ext import StrOrPromise
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings

from styleguide_example.api.errors import errors_by_field
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.core.enums import Priority
from styleguide_example.jobs.enums import AtOnce
from styleguide_example.jobs.exceptions import JobKindUnknownError, JobParametersInvalidError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_WHOLE = api_settings.NON_FIELD_ERRORS_KEY
#: In JSON, what PostgreSQL cannot keep: an escaped NUL (and not the text of a backslash, "u0000"), half a character.
_UNKEEPABLE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000|[\ud800-\udfff]")
_KINDS: dict[str, "JobKind"] = {}


def anybody_signed_in(user: Any) -> bool:
    """Let everybody start it who has an account."""
    return bool(user.is_authenticated and user.is_active)


def nobody(user: Any) -> bool:
    """Let no person start it: only our own code does."""
    return False


def holders_of(permission: str) -> Callable[[Any], bool]:
    """Let those start it who hold the permission, as in ``"announcements.send_announcement"``."""
    return lambda user: bool(user.is_authenticated and user.has_perm(permission))


@dataclass(frozen=True)
class JobKind:
    """One kind of job.

    Args:
        name: in words joined by ``-``; it is part of the address ``/api/jobs/<name>/``.
        title: for people, as in "Send an announcement"; with ``gettext_lazy`` in the language of who reads it.
        task: called with ``job_id=`` and nothing else; what it returns is the job's result.
        may_start: asked with the person who starts it. Nobody may, unless the kind says so.
        parameters: a serializer; what it makes of the input is what the job gets. None: it takes no parameters.
        at_once: how many may be active at once, and
        key: the parameters that make up the key, for ``ONE_PER_KEY``.
        may_resume: whether it is begun again when its worker was killed; its task must bear being run twice.
        attempts_max: how often it is begun at most.
        tells_owner: whether its owner is told when it has ended.
        timeout_seconds: how long one attempt may take; None is the limit of every task.
        url: where its owner is led to look at it; None is the job's own page.

    Raises:
        ValueError: for what could not work as it stands.
    """

    name: str
    title: StrOrPromise
    task: WakeUpTask
    may_start: Callable[[Any], bool] = nobody
    parameters: type[Serializer[Any]] | None = None
    at_once: AtOnce = AtOnce.ANY
    key: tuple[str, ...] = ()
    may_resume: bool = False
    attempts_max: int = 3
    tells_owner: bool = True
    priority: Priority = Priority.NORMAL
    queue: str = ""
    timeout_seconds: int | None = None
    url: Callable[[Any], str] | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot be part of an address: write words of a to z joined by '-'.")
        if (self.at_once is AtOnce.ONE_PER_KEY) != bool(self.key):
            raise ValueError(f"{self.name!r}: 'key' names parameters exactly where at_once is ONE_PER_KEY.")
        fields = self.parameters().fields if self.parameters else {}
        if unknown := set(self.key) - set(fields):
            raise ValueError(f"{self.name!r}: the key names {', '.join(sorted(unknown))}, which is no parameter.")
        if self.priority is Priority.RESERVED:
            raise ValueError(f"{self.name!r}: priority 0 is reserved for the engine room.")
        if self.attempts_max < 1 or (self.timeout_seconds is not None and self.timeout_seconds < 1):
            raise ValueError(f"{self.name!r}: attempts and seconds are at least 1.")

    def parameters_checked(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as they will be stored: validated, and plain JSON.

        Raises:
            JobParametersInvalidError: with messages by field.
        """
        serializer = (self.parameters or Serializer)(data=dict(data))
        taken = {name for name, field in serializer.fields.items() if not field.read_only}
        errors = {str(name): ["This kind takes no such parameter."] for name in data if name not in taken}
        if not serializer.is_valid():
            errors |= errors_by_field(serializer.errors)
        if errors:
            raise JobParametersInvalidError(f"The parameters do not fit {self.name}.", errors=errors)
        text = json.dumps(serializer.validated_data, cls=DjangoJSONEncoder, ensure_ascii=False)
        if _UNKEEPABLE.search(text):
            message = "Some of it is no text: a NUL, or half a character."
            raise JobParametersInvalidError(f"The parameters do not fit {self.name}.", errors={_WHOLE: [message]})
        checked: dict[str, Any] = json.loads(text)
        return checked


def job_kind_register(kind: JobKind) -> JobKind:
    """Make ``kind`` known. Call it at the top level of an app's ``job_kinds.py``.

    Raises:
        ValueError: when another kind has its name.
    """
    if _KINDS.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"Two kinds are called {kind.name!r}.")
    return kind


def job_kind_forget(kind: JobKind) -> None:
    """Make ``kind`` unknown again; for tests."""
    _KINDS.pop(kind.name, None)


def job_kind_get(name: str) -> JobKind:
    """Return the kind of that name.

    Raises:
        JobKindUnknownError: when there is none.
    """
    try:
        return _KINDS[name]
    except KeyError:
        raise JobKindUnknownError(f"There is no kind of job called {name!r}.") from None


def job_kind_find(name: str) -> JobKind | None:
    """Return the kind of that name, or None: it was removed, or the job runs a task that is no kind."""
    return _KINDS.get(name)


def task_name(*, kind: str, default: str) -> str:
    """Return the name of the task that does the work of this kind today; ``default`` for what is no kind.

    A row keeps the name that it was written with, and a release may have renamed the task since.
    """
    declared = job_kind_find(kind)
    return default if declared is None else declared.task.name


def job_kinds() -> list[JobKind]:
    """Return all kinds, by name."""
    return sorted(_KINDS.values(), key=lambda kind: kind.name)
