"""From a template's name to subject, HTML and plain text in the recipient's language, once, when the row is written.

Of the time that one e-mail of 4 KB takes, two thirds are rendering and one is making rules into attributes: together
less than the row's ``INSERT``. So each HTML is inlined by itself, and what a person's data does to its structure is
right.
(``inline_many`` would use all cores, with threads that a worker's process does not inherit when it is forked.)
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import css_inline
from django.conf import settings
from django.template import TemplateSyntaxError
from django.template.backends.django import DjangoTemplates
from django.template.loader import get_template
from django.utils import translation
from django.utils.html import escape
from inscriptis import get_text
from inscriptis.model.config import ParserConfig

from styleguide_example.emails.exceptions import EmailInvalidError

#: The name of the template engine in the settings.
ENGINE = "emails"
#: What an e-mail extends.
LAYOUT = "emails/_base.html"

# Mail clients drop style sheets, so rules become attributes; what cannot (media queries) is kept.
# No network: a style sheet that is not in the template is a mistake.
_INLINER = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
_TEXT = ParserConfig(display_links=True)


@dataclass(frozen=True)
class Rendered:
    """What a template became."""

    subject: str
    html: str
    plain_text: str


class EmailTemplates(DjangoTemplates):
    """The engine of e-mails: a variable that is missing is an error, and not a gap in what somebody reads.

    What may be missing is asked for with ``{% if %}``. Errors know their line (``debug``, which costs nothing before).
    """

    def __init__(self, params: dict[str, Any]) -> None:
        options = {"string_if_invalid": _Missing("%s"), "debug": True}
        super().__init__({**params, "OPTIONS": {**params["OPTIONS"], **options}})


class _Missing(str):
    """What Django puts in the place of a variable that is missing, after it was asked with the variable's name.

    https://docs.djangoproject.com/en/5.2/ref/templates/api/#how-invalid-variables-are-handled
    """

    __slots__ = ()

    def __mod__(self, variable: object) -> str:
        raise EmailInvalidError(f"it shows {variable}, which is not in the context. Give it, or ask for it with an if.")


class CompiledTemplate:
    """A template, looked up and compiled once, for any number of e-mails."""

    def __init__(self, template: str) -> None:
        """Read ``emails/<template>.html``.

        Raises:
            django.template.TemplateDoesNotExist: when there is none.
            django.template.TemplateSyntaxError: with its name and the line, when it cannot be read.
        """
        self._name = f"emails/{template}.html"
        # Nobody can guess them, so no value can pretend to be one.
        self._end, self._subject = secrets.token_hex(16), secrets.token_hex(16)
        try:
            self._template: Any = get_template(self._name, using=ENGINE)  # template engines have no class in common
        except TemplateSyntaxError as error:
            raise TemplateSyntaxError(f"{self._name} cannot be read{_where(error)}: {error}") from error

    def render(self, context: Mapping[str, Any], *, language: str = "") -> Rendered:
        """Return the e-mail for ``context``, in ``language``, with its dates and numbers.

        A language that is empty or unknown means ``LANGUAGE_CODE``. The text comes from the block ``text``, or else
        from the HTML, which takes far longer.

        Raises:
            EmailInvalidError: when it shows what ``context`` has not, has no subject, or does not extend our layout.
            django.template.TemplateDoesNotExist, TemplateSyntaxError: for a part of it that is not there, or not one.
        """
        with translation.override(_supported(language)):
            parts = self._text(context).split(self._end)
        if len(parts) != 3:  # subject, text and HTML, as in emails/_bare.html
            raise EmailInvalidError(f'{self._name} cannot be rendered: begin it with {{% extends "{LAYOUT}" %}}.')
        # One line: a newline in a value must not become a header (RFC 5322 2.2).
        subject = " ".join(parts[0].split())
        if not subject:
            raise EmailInvalidError(f"{self._name} cannot be rendered: its block subject is empty.")
        html = parts[2].strip().replace(self._subject, escape(subject))
        plain_text = _tidy(parts[1]) or _tidy(get_text(html, _TEXT))
        return Rendered(subject=subject, html=_INLINER.inline(html), plain_text=plain_text)

    def _text(self, context: Mapping[str, Any]) -> str:
        marks = {"email_part_ends": self._end, "email_subject": self._subject}
        try:
            return str(self._template.render({**context, **marks}))
        except EmailInvalidError as error:
            raise EmailInvalidError(f"{self._name} cannot be rendered{_where(error)}: {error}") from None
        except TemplateSyntaxError as error:
            raise TemplateSyntaxError(f"{self._name} cannot be rendered{_where(error)}: {error}") from error


def template_render(*, template: str, context: Mapping[str, Any], language: str = "") -> Rendered:
    """Render ``emails/<template>.html`` in ``language``; one that is empty or unknown means ``LANGUAGE_CODE``.

    Raises:
        django.template.TemplateDoesNotExist: when there is none.
        django.template.TemplateSyntaxError: when it cannot be read.
        EmailInvalidError: when it shows what ``context`` has not, or has no subject.
    """
    return CompiledTemplate(template).render(context, language=language)


def _where(error: Exception) -> str:
    """File and line, as far as Django found them: it may be one that is extended or included."""
    found = getattr(error, "template_debug", None)
    return f" ({'/'.join(Path(found['name']).parts[-2:])}, line {found['line']})" if found else ""


def _supported(language: str) -> str:
    """The nearest language that we write. An e-mail in another language is better than none."""
    try:
        return translation.get_supported_language_variant(language)
    except LookupError:
        return settings.LANGUAGE_CODE


def _tidy(text: str) -> str:
    """No trailing spaces, no more than one empty line in a row, and a newline at the end. Nothing stays nothing."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)
