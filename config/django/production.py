"""Production: nothing has a default that must be a decision, and nothing for developers is installed.

https://docs.djangoproject.com/en/5.2/howto/deployment/checklist/
"""

import os

from django.core.exceptions import ImproperlyConfigured

from config.env import BASE_DIR, env

REQUIRED = ("SECRET_KEY", "ALLOWED_HOSTS", "APP_BASE_URL", "DATABASE_URL", "CELERY_BROKER_URL", "EMAIL_URL")
_missing = [name for name in REQUIRED if not env.str(name, default="")]
if _missing:
    raise ImproperlyConfigured(
        f"Production needs {', '.join(_missing)} in the environment. .env.example says what each is for."
    )

# Before the base settings read them.
os.environ["DJANGO_DEBUG"] = "False"
os.environ.setdefault("LOG_FORMAT", "json")

from config.django.base import *  # noqa: F403  refuse first, then read the rest
from config.django.base import ALLOWED_HOSTS, APP_BASE_URL, DEVELOPMENT_APPS, INSTALLED_APPS, SECRET_KEY

_refused = {
    "SECRET_KEY": "not-a-secret" in SECRET_KEY and "is the one from the repository, which everybody knows",
    "ALLOWED_HOSTS": "*" in ALLOWED_HOSTS and "must name the hosts: '*' lets a forged Host header into links",
    "APP_BASE_URL": not APP_BASE_URL.startswith("https://") and "must begin with https://",
    "EMAIL_URL": "smtp" not in env.str("EMAIL_URL", default="")
    and "must be a mail server: anything else would not send e-mails",
}
if any(_refused.values()):
    raise ImproperlyConfigured(" ".join(f"{name} {reason}." for name, reason in _refused.items() if reason))

DEBUG = False
INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in DEVELOPMENT_APPS]

CSRF_TRUSTED_ORIGINS = [APP_BASE_URL]

# https://docs.djangoproject.com/en/5.2/topics/security/#ssl-https
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# Probes ask the process itself, behind the proxy that ends TLS.
SECURE_REDIRECT_EXEMPT = [r"^health/"]
# Only when a proxy of yours sets or removes this header on every request, else a client could forge it.
if env.bool("SECURE_PROXY_SSL_HEADER", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=60 * 60 * 24 * 365)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True

STATIC_ROOT = BASE_DIR / "staticfiles"
# https://whitenoise.readthedocs.io/en/stable/django.html#add-compression-and-caching-support
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = False
