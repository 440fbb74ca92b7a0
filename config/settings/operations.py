"""What shows how the product is: the dashboard and the figures for Prometheus."""

from django.core.exceptions import ImproperlyConfigured

from config.env import env

_TOKEN_MIN_LENGTH = 32

#: Whoever sends it may read ``/metrics``. Without one nobody may, and the address does not exist.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if METRICS_TOKEN and len(METRICS_TOKEN) < _TOKEN_MIN_LENGTH:
    raise ImproperlyConfigured(
        f"METRICS_TOKEN is shorter than {_TOKEN_MIN_LENGTH} characters: write what `openssl rand -hex 32` says."
    )
#: A due e-mail or job that nobody took for so long is marked on the dashboard, and the alert rules ask for the same.
OPERATIONS_DUE_TOO_OLD_SECONDS = env.int("OPERATIONS_DUE_TOO_OLD_SECONDS", default=60, at_least=1)
#: What a process counted for these figures is remembered apart from all else, so that neither pushes the other out.
#: https://docs.djangoproject.com/en/5.2/topics/cache/#local-memory-caching
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "figures": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "figures",
        "OPTIONS": {"MAX_ENTRIES": 5_000},  # some thirty days for each time zone of those who look
    },
}
