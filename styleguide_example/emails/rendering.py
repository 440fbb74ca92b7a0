"""From a template's name to subject, HTML and plain text. Done once, when the row is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import css_inline
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from inscriptis import get_text
from inscriptis.model.config import ParserConfig

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


def template_render(*, template: str, context: Mapping[str, Any]) -> Rendered:
    """Render ``emails/<template>.subject.txt`` and ``.html``; the text from ``.txt``, or else from the HTML.

    Raises:
        django.template.TemplateDoesNotExist: when subject or HTML is missing.
    """
    variables = dict(context)
    # One line: a newline in a value must not become a header (RFC 5322 2.2).
    subject = " ".join(render_to_string(f"emails/{template}.subject.txt", variables).split())
    html = render_to_string(f"emails/{template}.html", variables)
    try:
        plain_text = render_to_string(f"emails/{template}.txt", variables)
    except TemplateDoesNotExist:
        plain_text = get_text(html, _TEXT)
    return Rendered(subject=subject, html=_INLINER.inline(html), plain_text=_tidy(plain_text))


def _tidy(text: str) -> str:
    """No trailing spaces, no more than one empty line in a row."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"
