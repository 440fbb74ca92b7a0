"""Tests: the same code path, with shorter patience."""

from config.django.base import *  # noqa: F403

DEBUG = False

# https://docs.djangoproject.com/en/5.2/topics/testing/overview/#password-hashing
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
