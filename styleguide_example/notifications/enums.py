"""The words of notifications."""

from django.db import models


class Level(models.TextChoices):
    """Whether it is good news."""

    SUCCESS = "success", "Done"
    FAILURE = "failure", "Failed"
