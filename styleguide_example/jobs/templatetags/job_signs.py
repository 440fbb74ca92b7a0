"""A job's state as the admin writes it."""

from django import template
from django.utils.safestring import SafeString

from styleguide_example.jobs import columns
from styleguide_example.jobs.words import Look

register = template.Library()


@register.filter
def sign(look: Look) -> SafeString:
    """Return the look's symbol and word, in the colour of what it means: ``{{ shown.look|sign }}``."""
    return columns.look_sign(look)
