"""The settings of the release after the deploy."""

from faults.product.settings import *  # noqa: F403  the rest is the same in both
from faults.product.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "faults.product.following"]
