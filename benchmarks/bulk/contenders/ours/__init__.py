"""This project, with its own settings: ``config.django.base``."""
