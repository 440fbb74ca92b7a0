"""The one generic write that services share."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


def model_update(*, instance: M, fields: Sequence[str], data: Mapping[str, Any]) -> tuple[M, bool]:
    """Set those ``fields`` that ``data`` names, validate them and the row as a whole, and save them alone.

    What stays as it was is not judged anew: a choice that was taken away since is no reason to refuse another change.
    Returns the instance and whether anything changed; nothing is written when nothing did. Not for a change that
    depends on the row's state: use a conditional ``update()`` there.

    Raises:
        django.core.exceptions.ValidationError: when the instance would not be valid.
    """
    changed = [name for name in fields if name in data and getattr(instance, name) != data[name]]
    for name in changed:
        setattr(instance, name, data[name])
    if changed:
        instance.clean_fields(exclude={field.name for field in instance._meta.fields}.difference(changed))
        instance.clean()
        instance.validate_unique()
        instance.validate_constraints()
        automatic = [field.name for field in instance._meta.concrete_fields if getattr(field, "auto_now", False)]
        instance.save(update_fields=[*changed, *automatic])
    return instance, bool(changed)
