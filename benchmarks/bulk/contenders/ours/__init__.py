"""The project itself, with its own settings: ``config.django.base``."""
