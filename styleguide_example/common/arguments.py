"""The arguments of a task, checked against what it declares: whoever can write to the broker can send anything."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

#: What a database can hold as a key. SQLite raises for more, in the middle of a statement.
KEY_MAX = 2**63 - 1


def arguments_check(function: Callable[..., Any], kwargs: Mapping[str, Any]) -> None:
    """Check that each argument that is declared as ``int`` or ``str`` is one, and no larger than a key can be.

    Raises:
        TypeError: names the argument, never its value, which may be anything.
    """
    declared = _declared(function)
    for name, value in kwargs.items():
        kind = declared.get(name)
        if kind is not None and type(value) is not kind:  # True is an int, too
            raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}.")
        if kind is int and abs(value) > KEY_MAX:
            raise TypeError(f"{name} must be a number of at most {KEY_MAX.bit_length()} bits.")


@cache
def _declared(function: Callable[..., Any]) -> Mapping[str, type]:
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.annotation for parameter in parameters if parameter.annotation in (int, str)}
