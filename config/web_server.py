"""What gunicorn is told besides the Procfile's line: ``--config python:config.web_server``.

https://docs.gunicorn.org/en/stable/settings.html
"""

from typing import Any

from config.settings.logging import LOGGING

_LIKE_ALL_OTHERS: dict[str, Any] = {"handlers": [], "propagate": True}
_ALL_OTHERS: Any = LOGGING

#: Its own lines are written and masked like all others: it quotes a request that it cannot read, with the token in it.
logconfig_dict = {
    **_ALL_OTHERS,
    "loggers": {**_ALL_OTHERS["loggers"], "gunicorn.error": _LIKE_ALL_OTHERS, "gunicorn.access": _LIKE_ALL_OTHERS},
}
