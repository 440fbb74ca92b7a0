"""The fault suite's part of the product's processes."""

from pathlib import Path

from django.apps import AppConfig

from config.env import env
from faults.product import moments
from faults.product.doubling import messages_double
from faults.product.orphans import orphans_live
from faults.product.poison import poison_kills
from faults.product.wall_clock import WallClock

__all__ = ["FaultsConfig", "moments"]


class FaultsConfig(AppConfig):
    """Importing ``moments`` connects its receivers."""

    name = "faults.product"

    def ready(self) -> None:
        """Make the faults that a process has from its start, as its environment says."""
        poison_kills()
        if env.bool("FAULTS_MESSAGES_TWICE", default=False):
            messages_double()
        if env.bool("FAULTS_ORPHANS_LIVE", default=False):
            orphans_live()
        if file := env.str("FAULTS_WALL_CLOCK", default=""):
            WallClock(Path(file)).start()
