"""Writes again what the database could not take a moment ago."""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

P = ParamSpec("P")
R = TypeVar("R")

logger = structlog.get_logger(__name__)

#: Seconds before each further try. Together well below any lease.
PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)


def persistent(write: Callable[P, R]) -> Callable[P, R]:
    """Repeat ``write`` on a new connection when the database was restarted or the connection was cut.

    Only for a write that may come twice: one that is fenced by a lease's token. Inside a transaction it is called once,
    for the whole transaction would have to be repeated; put it around that.

    Raises:
        django.db.OperationalError, django.db.InterfaceError: when the database stays away.
    """

    @wraps(write)
    def persisting(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return write(*args, **kwargs)
        for pause in PAUSES_SECONDS:
            try:
                return write(*args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                logger.warning("database_lost", write=write.__name__, error=str(error), again_in_seconds=pause)
                connection.close()
                time.sleep(pause)
        return write(*args, **kwargs)

    return persisting
