"""Production settings for a stack on loopback: what differs from a deployment is in this file."""

from config.django.production import *  # noqa: F403  everything else is as it is deployed
from config.django.production import INSTALLED_APPS, STORAGES

INSTALLED_APPS = [*INSTALLED_APPS, "faults.product"]

# The manifest would ask for `collectstatic` and leave its files in the project.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
