"""The system check of the gallery: a template that is broken fails the build, and is found before it is deployed."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register

from styleguide_example.emails.gallery import broken


@register(Tags.templates, deploy=True)
def templates_are_whole(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Each template of an e-mail becomes one, with each of its samples, in each language.

    With ``--deploy`` alone: in development the server starts all the same, and its gallery shows what is broken.
    """
    hint = "docs/emails.md says how a template and its samples are written; the gallery in the admin shows them."
    return [Error(what, hint=hint, id="emails.E005") for what in broken()]
