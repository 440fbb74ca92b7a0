"""Templates of e-mails that a test writes."""

from pathlib import Path

from pytest_django import Settings


def templates_made(settings: Settings, directory: Path) -> Path:
    """Let the engines look into ``directory`` first. Returns where e-mails are written there."""
    settings.TEMPLATES = [{**engine, "DIRS": [directory]} for engine in settings.TEMPLATES]
    emails = directory / "emails"
    emails.mkdir()
    return emails


def letter_write(
    emails: Path, *, name: str = "letter", sample: str = '{"Ada": {"name": "Ada"}}', body: str = "Hello {{ name }}"
) -> None:
    """Write the e-mail ``name``, with a line for each of its blocks, and its samples."""
    lines = [
        '{% extends "emails/_base.html" %}',
        "{% load i18n %}",
        "{% block subject %}For {{ name }}{% endblock %}",
        f"{{% block body %}}{body}{{% endblock %}}",
    ]
    template = emails / f"{name}.html"
    template.parent.mkdir(exist_ok=True)
    template.write_text("\n".join(lines))
    (emails / f"{name}.sample.json").write_text(sample)
