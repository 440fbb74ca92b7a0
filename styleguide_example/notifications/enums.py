"""The words of notifications."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Level(models.TextChoices):
    """Whether it is good news."""

    SUCCESS = "success", _("Done")
    FAILURE = "failure", _("Failed")
