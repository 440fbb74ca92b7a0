"""The words of the sync."""

from django.db import models


class SyncAction(models.TextChoices):
    """What the sync did with one schedule."""

    CREATED = "created", "created"
    CHANGED = "changed", "changed"
    DELETED = "deleted", "deleted"
    UNCHANGED = "unchanged", "unchanged"
