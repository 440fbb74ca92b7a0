"""What gunicorn is told besides the Procfile's line: ``--config python:config.web_server``.

https://docs.gunicorn.org/en/stable/settings.html
"""

from typing import Any

from config.settings.logging import LOGGING
from styleguide_example.core.garbage import startup_objects_freeze

_LIKE_ALL_OTHERS: dict[str, Any] = {"handlers": [], "propagate": True}
_ALL_OTHERS: Any = LOGGING

#: Its own lines are written and masked like all others: it quotes a request that it cannot read, with the token in it.
logconfig_dict = {
    **_ALL_OTHERS,
    "loggers": {**_ALL_OTHERS["loggers"], "gunicorn.error": _LIKE_ALL_OTHERS, "gunicorn.access": _LIKE_ALL_OTHERS},
}


def post_worker_init(_worker: Any) -> None:
    """Let the garbage of requests be found soon. Gunicorn calls it in each process that has loaded the application."""
    startup_objects_freeze()
