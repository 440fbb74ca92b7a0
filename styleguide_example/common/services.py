"""The one generic write that services share."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


def model_update(*, instance: M, fields: Sequence[str], data: Mapping[str, Any]) -> tuple[M, bool]:
    """Set those ``fields`` that ``data`` names, validate, and save them alone.

    Returns the instance and whether anything changed; nothing is written when nothing did. Not for a change that
    depends on the row's state: use a conditional ``update()`` there.

    Raises:
        django.core.exceptions.ValidationError: when the instance would not be valid.
    """
    changed = [name for name in fields if name in data and getattr(instance, name) != data[name]]
    for name in changed:
        setattr(instance, name, data[name])
    if changed:
        instance.full_clean()
        automatic = [field.name for field in instance._meta.concrete_fields if getattr(field, "auto_now", False)]
        instance.save(update_fields=[*changed, *automatic])
    return instance, bool(changed)
