"""From a template's name to subject, HTML and plain text. Done once, when the row is written.

Of the time that one e-mail of 4 KB takes, half is rendering and half is making rules into attributes: together less
than the row's ``INSERT``. So each HTML is inlined by itself, and what a person's data does to its structure is right.
(``inline_many`` would use all cores, with threads that a worker's process does not inherit when it is forked.)
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import css_inline
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.backends.django import DjangoTemplates
from django.template.loader import get_template
from inscriptis import get_text
from inscriptis.model.config import ParserConfig

from styleguide_example.emails.exceptions import EmailInvalidError

#: The name of the template engine in the settings.
ENGINE = "emails"

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

    What may be missing is asked for with ``{% if %}``.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__({**params, "OPTIONS": {**params["OPTIONS"], "string_if_invalid": _Missing("%s")}})


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
        """Read ``emails/<template>.subject.txt`` and ``.html``, and ``.txt`` if there is one.

        Raises:
            django.template.TemplateDoesNotExist: when subject or HTML is missing.
            django.template.TemplateSyntaxError: with the name of the one that cannot be read.
        """
        self._subject = _template(f"emails/{template}.subject.txt")
        self._html = _template(f"emails/{template}.html")
        self._plain_text: Any = None  # template engines have no class in common
        with suppress(TemplateDoesNotExist):
            self._plain_text = _template(f"emails/{template}.txt")

    def render(self, context: Mapping[str, Any]) -> Rendered:
        """Return the e-mail for ``context``; its text from ``.txt``, or else from the HTML, which takes far longer.

        Raises:
            EmailInvalidError: when a template shows what ``context`` has not.
        """
        variables = dict(context)
        # One line: a newline in a value must not become a header (RFC 5322 2.2).
        subject = " ".join(_text(self._subject, variables).split())
        html = _text(self._html, variables)
        plain_text = get_text(html, _TEXT) if self._plain_text is None else _text(self._plain_text, variables)
        return Rendered(subject=subject, html=_INLINER.inline(html), plain_text=_tidy(plain_text))


def template_render(*, template: str, context: Mapping[str, Any]) -> Rendered:
    """Render ``emails/<template>.subject.txt`` and ``.html``; the text from ``.txt``, or else from the HTML.

    Raises:
        django.template.TemplateDoesNotExist: when subject or HTML is missing.
        django.template.TemplateSyntaxError: when one cannot be read.
        EmailInvalidError: when one shows what ``context`` has not.
    """
    return CompiledTemplate(template).render(context)


def _template(name: str) -> Any:
    try:
        return get_template(name, using=ENGINE)
    except TemplateSyntaxError as error:
        raise TemplateSyntaxError(f"{name} cannot be read: {error}") from error


def _text(template: Any, variables: dict[str, Any]) -> str:
    try:
        return str(template.render(variables))
    except EmailInvalidError as error:
        raise EmailInvalidError(f"{template.template.name} cannot be rendered: {error}") from None


def _tidy(text: str) -> str:
    """No trailing spaces, no more than one empty line in a row."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"
