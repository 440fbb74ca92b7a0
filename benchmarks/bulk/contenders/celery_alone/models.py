"""What is left of an e-mail that has no row."""

from django.db import models


class Mark(models.Model):
    """That an e-mail was about to go out."""

    number = models.IntegerField()

    class Meta:
        app_label = "celery_alone"

    def __str__(self) -> str:
        return f"Mark {self.number}"
