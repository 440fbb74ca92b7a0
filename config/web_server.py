"""What gunicorn is told besides the Procfile's line: ``--config python:config.web_server``.

https://docs.gunicorn.org/en/stable/settings.html
"""

import logging
from collections.abc import Mapping
from typing import Any

from config.settings.logging import LOGGING
from styleguide_example.core.garbage import startup_objects_freeze

_LIKE_ALL_OTHERS: dict[str, Any] = {"handlers": [], "propagate": True}
_ALL_OTHERS: Any = LOGGING


def is_no_probe(record: logging.LogRecord) -> bool:
    """Return whether a line of the access log is of anything but a probe that went well: those come all the time."""
    request: Any = record.args  # by the letters of gunicorn's access_log_format
    if not isinstance(request, Mapping):
        return True
    return not (str(request["U"]).startswith("/health/") and str(request["s"]) == "200")


#: Its own lines are written and masked like all others: it quotes a request that it cannot read, with the token in it.
logconfig_dict = {
    **_ALL_OTHERS,
    "filters": {"no_probes": {"()": lambda: is_no_probe}},
    "loggers": {
        **_ALL_OTHERS["loggers"],
        "gunicorn.error": _LIKE_ALL_OTHERS,
        "gunicorn.access": {**_LIKE_ALL_OTHERS, "filters": ["no_probes"]},
    },
}


def post_worker_init(_worker: Any) -> None:
    """Let the garbage of requests be found soon. Gunicorn calls it in each process that has loaded the application."""
    startup_objects_freeze()
