"""Languages: which there are, and where none is asked for. docs/languages.md says how one is added.

https://docs.djangoproject.com/en/5.2/topics/i18n/
"""

from typing import Literal

#: Each needs a catalog in every app that has one; `config/tests/test_catalogs.py` looks for what is missing.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
#: Where nothing else is known: neither a person, nor a cookie, nor what the browser asks for.
LANGUAGE_CODE = "en"

#: Below these addresses everything is English, and nobody is asked who they are for the sake of it: staff share what
#: they read there, and programs read the rest.
ENGLISH_PATHS = ("/admin/", "/api/", "/health/", "/mailbox/", "/metrics")

# https://docs.djangoproject.com/en/5.2/ref/settings/#language-cookie-httponly
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE: Literal["Lax", "Strict"] = "Lax"
LANGUAGE_COOKIE_AGE = 60 * 60 * 24 * 365
