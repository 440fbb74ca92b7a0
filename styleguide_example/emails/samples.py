"""Which templates of e-mails there are, and the samples beside them: what a gallery and a build show them with.

``emails/<name>.html`` is an e-mail, ``emails/<name>.sample.json`` its samples: a name for each, and what stands in it.
In a folder its name is ``<folder>/<name>``. What begins with an underscore is a layout, or a part of others.
"""

import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

from django.template import engines
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import mark_safe

from styleguide_example.emails.rendering import ENGINE

TEMPLATE = ".html"
SAMPLES = ".sample.json"


def template_names() -> list[str]:
    """Return the names of all templates of e-mails, in order."""
    return sorted(_found(TEMPLATE))


def samples_without_template() -> list[str]:
    """Return the names of samples of which the template is gone, in order."""
    return sorted(_found(SAMPLES).keys() - _found(TEMPLATE).keys())


def template_samples(template: str) -> dict[str, dict[str, Any]]:
    """Return the contexts of ``template``'s samples by their names.

    Raises:
        ValueError: when there is none, or it is not as it should be; the message says how that is.
    """
    file = f"emails/{template}{SAMPLES}"
    path = _found(SAMPLES).get(template)
    if path is None:
        raise ValueError(f"{file} is missing: write it beside the template, to show what stands in it.")
    try:
        samples = json.loads(path.read_text(encoding="utf-8"), object_hook=context_typed)
    except ValueError as error:
        raise ValueError(f"{file} cannot be read: {error}") from error
    if not (isinstance(samples, dict) and samples and all(isinstance(sample, dict) for sample in samples.values())):
        raise ValueError(f'{file} must hold a context for each sample, as in {{"With a name": {{"name": "Ada"}}}}.')
    return samples


def context_typed(values: dict[str, Any]) -> dict[str, Any]:
    """Return what came from JSON with its moments and its markup: by the names of values, for JSON has neither.

    A text is a moment where its name ends in ``_at``, and markup where it ends in ``_html``.

    Raises:
        ValueError: for a moment that is none.
    """
    return {name: _value(name, value) for name, value in values.items()}


def _found(suffix: str) -> dict[str, Path]:
    """The files by the names of their templates. Of those with one name the first counts, as in the engine."""
    found: dict[str, Path] = {}
    for name, path in _files(suffix):
        if not any(part.startswith("_") for part in name.parts):
            found.setdefault(name.as_posix().removesuffix(suffix), path)
    return found


def _files(suffix: str) -> Iterator[tuple[Path, Path]]:
    """Each with its place below its ``emails/``, in the order in which the engine looks for it."""
    for directory in engines[ENGINE].template_dirs:
        emails = Path(directory, "emails")
        yield from ((path.relative_to(emails), path) for path in emails.rglob(f"*{suffix}"))


def _value(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name.endswith("_html"):
        return mark_safe(value)  # noqa: S308  written by whoever writes the template
    if name.endswith("_at"):
        moment = parse_datetime(value)
        if moment is None:
            raise ValueError(f"{name} is {value!r}. Write a moment as 2026-11-20T09:30:00Z.")
        return moment if timezone.is_aware(moment) else moment.replace(tzinfo=UTC)
    return value
