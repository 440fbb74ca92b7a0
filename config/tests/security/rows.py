"""All that the database holds, so that a test can say that nothing changed."""

from typing import Any

from django.apps import apps

Rows = dict[str, list[dict[str, Any]]]
#: Who is signed in, and how often somebody tried, changes with every request; that a worker lives, every few seconds.
_ALWAYS_CHANGING = {"sessions.Session", "common.RateLimit", "tasks.Worker"}


def rows_everywhere() -> Rows:
    """Return every row of every table, by the model's name."""
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if model._meta.label not in _ALWAYS_CHANGING
    }
