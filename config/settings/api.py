"""The API: authentication, throttles, schema.

https://www.django-rest-framework.org/api-guide/settings/
https://drf-spectacular.readthedocs.io/en/latest/settings.html
"""

from typing import Any

from config.env import env

#: How long a token may live at most. Nobody needs one that never ends.
API_TOKEN_MAX_DAYS = env.int("API_TOKEN_MAX_DAYS", default=365, at_least=1)
#: Tokens that have expired or were revoked are kept for so long, so that somebody can still ask what they were.
API_TOKEN_KEEP_DAYS = env.int("API_TOKEN_KEEP_DAYS", default=90)
#: How long an Idempotency-Key is remembered at least.
API_IDEMPOTENCY_KEEP_HOURS = env.int("API_IDEMPOTENCY_KEEP_HOURS", default=24)

#: What one person may ask for in a minute, counted in Django's cache: with its default, by each process for itself.
API_READS_PER_MINUTE = env.int("API_READS_PER_MINUTE", default=600, at_least=1)
#: What one person may change in RATE_LIMIT_WINDOW_SECONDS, counted in the database: exact over all processes.
API_CHANGES_PER_WINDOW = env.int("API_CHANGES_PER_WINDOW", default=600, at_least=1)

REST_FRAMEWORK: dict[str, Any] = {
    # Nothing is open by default. The first one names the way in when somebody comes without credentials (401).
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "styleguide_example.api.authentication.TokenAuthentication",
        "styleguide_example.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": [
        "styleguide_example.api.throttles.ReadThrottle",
        "styleguide_example.api.throttles.ChangeThrottle",
    ],
    "DEFAULT_PARSER_CLASSES": ["styleguide_example.api.parsers.StorableJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "styleguide_example.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "styleguide_example.api.errors.problem_handler",
    "DEFAULT_METADATA_CLASS": None,  # the schema says it
    "URL_FORMAT_OVERRIDE": None,  # `?format=` would be a second way to ask for what Accept asks for
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Styleguide Example",
    "DESCRIPTION": (
        "Start work, follow it, cancel it. Sign in, or send `Authorization: Bearer <token>`.\n\n"
        "Every error is a problem of RFC 9457 (`application/problem+json`)."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",  # whose schemas are JSON Schema
    "SCHEMA_PATH_PREFIX": "/api/",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "COMPONENT_SPLIT_REQUEST": True,
    # Files of this machine: the page works without a network.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None, "defaultModelsExpandDepth": 0},
}
