"""``python -m benchmarks.bulk.driving MODULE``: calls functions of a contender's driver, asked for by lines."""

import json
import os
import sys
import time
from importlib import import_module
from typing import Any

import django
from django.core.management import call_command


def main(module: str) -> None:
    """Answer each line with one line, until there are no more."""
    # What the contender prints is for its log, not for us.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    django.setup()
    driver: Any = None
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.monotonic()
        try:
            if asked["name"] == "migrate":
                result: Any = call_command("migrate", run_syncdb=True, verbosity=0)
            else:
                driver = driver or import_module(module)
                result = getattr(driver, asked["name"])(**asked["arguments"])
        except Exception as error:  # noqa: BLE001  whatever it was, the benchmark must hear it
            answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        else:
            answers.write(json.dumps({"result": result, "began": began, "ended": time.monotonic()}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
