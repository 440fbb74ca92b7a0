"""What somebody types after ``manage.py email_send``, read; an error says what to write."""

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

from styleguide_example.core.enums import Priority
from styleguide_example.emails.exceptions import EmailInvalidError
from styleguide_example.emails.rendering import template_render
from styleguide_example.emails.samples import context_typed
from styleguide_example.emails.services import address_check

#: So many lines that are no address are named.
_NAMED_MAX = 5
_CONTEXT = """Write an object, as in '{"name": "Ada"}'."""
PRIORITIES = [priority.name.lower() for priority in Priority if priority is not Priority.RESERVED]


def moment_read(text: str) -> datetime:
    """Return a moment with its time zone; as the ``type`` of an argument.

    Raises:
        argparse.ArgumentTypeError: when it is none.
    """
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or is_naive(moment):
        raise ArgumentTypeError(f"{text!r} is not a moment with its time zone, as in 2026-12-24T18:00:00+01:00.")
    return moment


def context_read(text: str | None, file: str | None) -> dict[str, Any]:
    """Return what a template may show: the JSON object in ``text``, or in ``file``; nothing without either.

    Its values are typed as those of samples are: ``_at`` is a moment, ``_html`` markup.

    Raises:
        CommandError: it is not one.
    """
    said = _file_read(file) if file else text or "{}"
    try:
        context = json.loads(said, object_hook=context_typed)
    except json.JSONDecodeError as error:
        raise CommandError(f"The context is not JSON: {error}. {_CONTEXT}") from None
    except ValueError as error:
        raise CommandError(f"The context cannot be shown: {error}") from None
    if not isinstance(context, dict):
        raise CommandError(f"The context is JSON, but not an object. {_CONTEXT}")
    return context


def template_check(template: str, context: Mapping[str, Any], language: str) -> None:
    """Render it once, before anything is written.

    Raises:
        CommandError: for whatever keeps it from being rendered: who typed the context can give another one.
    """
    try:
        template_render(template=template, context=context, language=language)
    except TemplateDoesNotExist as error:
        raise CommandError(f"Nothing was written: there is no template {error}.") from None
    except (TemplateSyntaxError, EmailInvalidError) as error:
        raise CommandError(f"Nothing was written: {error}") from None
    except Exception as error:  # each filter has errors of its own for a value that is not what it expects
        raise CommandError(
            f"Nothing was written: emails/{template}.html cannot be rendered with this context: "
            f"{type(error).__name__}: {error}"
        ) from error


def addresses_read(file: str) -> list[str]:
    """Return the addresses in ``file``, one a line, each once. Empty lines, and those that begin with "#", are none.

    Raises:
        CommandError: for lines that are no address. It names the lines, and not what stands there: it is somebody's.
    """
    found: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(_file_read(file).splitlines(), start=1):
        address = line.strip()
        if not address or address.startswith("#"):
            continue
        if _is_address(address):
            found.setdefault(address.lower(), address)
        else:
            wrong.append(number)
    if wrong:
        raise CommandError(f"Nothing was written: no address in {', '.join(_named(wrong))} of {file}.")
    if not found:
        raise CommandError(f"Nothing was written: there is no address in {file}.")
    return list(found.values())


def _named(lines: list[int]) -> Iterator[str]:
    yield from (f"line {number}" for number in lines[:_NAMED_MAX])
    if len(lines) > _NAMED_MAX:
        yield f"and {len(lines) - _NAMED_MAX:,} more"


def _is_address(text: str) -> bool:
    try:
        address_check(text)
    except EmailInvalidError:
        return False
    return True


def _file_read(file: str) -> str:
    """The text of a file; "-" is standard input."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not a text in UTF-8: {error.reason}.") from error
