"""What can be chosen in a schedule's form: tasks, queues, priorities."""

from functools import cache
from typing import Any

from celery import current_app

from styleguide_example.core.enums import Priority
from styleguide_example.tasks.entries import queue_names


@cache
def _tasks_import() -> None:
    """Once in a process: each time, Celery has Django check the whole project."""
    current_app.loader.import_default_modules()


def schedulable_tasks() -> dict[str, Any]:
    """Return the tasks that a schedule may name, by name."""
    _tasks_import()
    return {name: task for name, task in current_app.tasks.items() if getattr(task, "schedulable", False)}


def task_choices(*, current: str) -> list[tuple[str, str]]:
    """Return them for a field, and ``current`` with the reason why it may not be chosen again."""
    choices = [(name, f"{name.rpartition('.')[2]} ({name})") for name in sorted(schedulable_tasks())]
    gone = [(current, f"{current}: {why_not(current)}")] if current and current not in dict(choices) else []
    return [("", "---------"), *gone, *choices]


def why_not(name: str) -> str:
    """Say why a schedule may not name this task."""
    if name in current_app.tasks:
        return "it is not declared with schedulable=True."
    return "no task of this name is registered any more."


def queue_choices(*, current: str | None) -> list[tuple[str, str]]:
    """Return the queues that workers take from."""
    names = queue_names()
    gone = [(current, f"{current}: nobody takes from it")] if current and current not in names else []
    return [("", "the default queue"), *gone, *((name, name) for name in names)]


def priority_choices(*, current: int | None, may_reserve: bool) -> list[tuple[Any, str]]:
    """Return the priorities by name; the engine room's where it may be given, or was."""
    named = [one for one in Priority if one != Priority.RESERVED or may_reserve or current == one]
    choices: list[tuple[Any, str]] = [("", "the task's own")]
    choices += [(int(one), f"{one.name.capitalize()} ({int(one)})") for one in named]
    if current is not None and current not in dict(choices):
        choices.append((current, str(current)))
    return choices
