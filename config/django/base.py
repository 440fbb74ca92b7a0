"""Django's own settings, with defaults for the embedded profile on a developer's machine.

https://docs.djangoproject.com/en/5.2/ref/settings/
"""

import django_stubs_ext

from config import addresses
from config.env import VAR_DIR, env  # noqa: F401  VAR_DIR is a setting too: the embedded app reads it

# `ModelAdmin[User]` and the like work at run time too.
# https://github.com/typeddjango/django-stubs/tree/master/ext
django_stubs_ext.monkeypatch()

DEBUG = env.bool("DJANGO_DEBUG", default=True)

# Production refuses to start without its own.
SECRET_KEY = env.str("SECRET_KEY", default="not-a-secret-only-for-the-embedded-profile-on-one-machine-xxxxxxxx")

ALLOWED_HOSTS = addresses.hosts(env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"]))

#: Scheme and host that links in e-mails start with: an e-mail is written where no request is at hand.
APP_BASE_URL = addresses.base_url(env.str("APP_BASE_URL", default="http://localhost:8000"))

#: How many proxies in front of us write ``X-Forwarded-For``; 0 means that the header is not believed.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

#: Their templates take the place of Django's own: admin/base_site.html.
FIRST_APPS = ["styleguide_example.users"]
DJANGO_APPS = [
    "styleguide_example.operations.apps.DashboardAdminConfig",  # django.contrib.admin, with our first page
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    # Before staticfiles, so that `runserver` serves files the way production does.
    # https://whitenoise.readthedocs.io/en/stable/django.html#using-whitenoise-in-development
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
THIRD_PARTY_APPS = [
    "django_celery_beat",
    "django_structlog",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
LOCAL_APPS = [
    "styleguide_example.common",
    "styleguide_example.api",
    "styleguide_example.emails",
    "styleguide_example.notifications",
    "styleguide_example.jobs",
    "styleguide_example.announcements",
    "styleguide_example.tasks",
    "styleguide_example.operations",
]
#: Mail catcher, mailbox page, embedded broker and demo: production does not install them.
DEVELOPMENT_APPS = ["styleguide_example.embedded"]

INSTALLED_APPS = FIRST_APPS + DJANGO_APPS + THIRD_PARTY_APPS + LOCAL_APPS + DEVELOPMENT_APPS

MIDDLEWARE = [
    # First, so that no answer is without it: not the files, and not those of the middleware itself.
    "styleguide_example.common.content_security.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Before hosts, sessions and logs, none of which is for probes.
    "styleguide_example.operations.health_middleware.HealthMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # After it: what a person chose comes before what their browser asks for.
    "styleguide_example.users.languages.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "styleguide_example.notifications.context_processors.unread_notifications",
            ],
        },
    },
    # E-mails: `emails/rendering.py` names it.
    {
        "BACKEND": "styleguide_example.emails.rendering.EmailTemplates",
        "NAME": "emails",
        "APP_DIRS": True,
        "OPTIONS": {},
    },
]

AUTH_USER_MODEL = "users.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "users:sign-in"
LOGIN_REDIRECT_URL = "users:onboarding"
LOGOUT_REDIRECT_URL = "users:landing"

TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
# Nobody has to run collectstatic to see a page in development; a deploy collects them.
WHITENOISE_USE_FINDERS = DEBUG

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

from config.settings.announcements import *  # noqa: F403  settings modules compose by star, Django reads the names
from config.settings.api import *  # noqa: F403
from config.settings.celery import *  # noqa: F403
from config.settings.content_security import *  # noqa: F403
from config.settings.database import *  # noqa: F403
from config.settings.email_limits import *  # noqa: F403
from config.settings.email_sending import *  # noqa: F403
from config.settings.jobs import *  # noqa: F403
from config.settings.languages import *  # noqa: F403
from config.settings.logging import *  # noqa: F403
from config.settings.notifications import *  # noqa: F403
from config.settings.operations import *  # noqa: F403
from config.settings.schedules import *  # noqa: F403
from config.settings.sign_up import *  # noqa: F403
