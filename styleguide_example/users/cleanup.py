"""The work of the periodic clean-up."""

from importlib import import_module

import structlog
from django.conf import settings

from styleguide_example.common.rate_limits import rate_limit_cleanup

logger = structlog.get_logger(__name__)


def session_cleanup() -> None:
    """Delete sessions that have expired and rate-limit windows that are over. Doing it twice is harmless."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    logger.info("session_cleanup_done", rate_limits_deleted=rate_limit_cleanup())
