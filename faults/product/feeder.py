"""``python -m faults.product.feeder``: a process of the product that calls what it is asked for, line by line.

Each line is ``{"call": "package.module.function", "arguments": {...}}``. The answer is one line, ``{"result": ...}`` or
``{"error": ...}``; of a generator, a line ``{"said": ...}`` for each value before it. It ends with its standard input.
"""

import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import django


def main() -> None:
    """Answer each line, until there are no more."""
    # What the product prints is for the log, not for the runner.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    django.setup()
    answers.write(json.dumps({"result": "ready"}) + "\n")
    for line in sys.stdin:
        asked = json.loads(line)
        for answer in _answers(asked["call"], asked["arguments"]):
            answers.write(json.dumps(answer, default=str) + "\n")


def _answers(name: str, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    module, _, function = name.rpartition(".")
    try:
        result = getattr(import_module(module), function)(**arguments)
        if isinstance(result, Iterator):
            yield from ({"said": value} for value in result)
            result = None
    except Exception as error:  # noqa: BLE001  whatever it was, the runner must hear it
        yield {"error": f"{type(error).__name__}: {error}"}
    else:
        yield {"result": result}


if __name__ == "__main__":
    main()
