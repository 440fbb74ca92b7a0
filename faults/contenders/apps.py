"""Faults that a process of a peer has from its start, as its environment says."""

import environ
from django.apps import AppConfig

from faults.product.doubling import messages_double

env = environ.Env()


class ContendersConfig(AppConfig):
    """The product's own processes have ``faults.product`` for that."""

    name = "faults.contenders"

    def ready(self) -> None:
        """Let every message leave twice, if that is wanted."""
        if env.bool("FAULTS_MESSAGES_TWICE", default=False):
            messages_double()
