"""From an announcement's Markdown to the e-mail of each recipient.

Ten thousand recipients get one text, so it is rendered, and its style sheet made into attributes, once for each
language they read: what its author wrote stays as it is, what stands around it is translated. What differs from person
to person stands in the template as a mark that nobody can guess, and is put in afterwards, escaped for the place where
it stands.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from styleguide_example.announcements.models import Announcement
from styleguide_example.emails.rendering import Rendered, template_render

#: What a link may lead to. Anything else (javascript:, data:, an address without a host) stays text.
_LINK_STARTS = ("https://", "http://", "mailto:")


class _Renderer(RendererHTML):
    def image(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        """Show a picture only over https, where nobody on the way sees who reads what; else what it shows, in words."""
        if str(tokens[index].attrGet("src") or "").lower().startswith("https://"):
            return super().image(tokens, index, options, env)
        return escape(self.renderInlineAsText(tokens[index].children, options, env))


def _markdown() -> MarkdownIt:
    # CommonMark and nothing else: HTML is text like any other, so there is none to be sanitized.
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    parser.validateLink = lambda url: url.strip().lower().startswith(_LINK_STARTS)  # type: ignore[method-assign]  # its documented hook
    return parser


_MARKDOWN = _markdown()


def body_html(body: str) -> SafeString:
    """Return the Markdown as HTML in which only what CommonMark makes is markup."""
    html: SafeString = mark_safe(_MARKDOWN.render(body))  # noqa: S308  HTML is off, and links and pictures are checked above
    return html


class Letter:
    """An announcement, rendered, waiting for its recipients."""

    def __init__(self, announcement: Announcement) -> None:
        self._greeting, self._url = _mark(), _mark()
        self._context: dict[str, Any] = {
            "subject": announcement.subject,
            "body": announcement.body,
            "body_html": body_html(announcement.body),
            "greeting": self._greeting,
            "unsubscribe_url": self._url,
        }
        self._by_language: dict[str, Rendered] = {}

    def to(self, name: str, *, url: str, language: str = "") -> Rendered:
        """Return the e-mail for somebody called ``name``, who reads ``language`` and unsubscribes at ``url``."""
        common, greeting = self._common(language), _greeting(name, language)
        return Rendered(
            subject=common.subject,
            html=common.html.replace(self._greeting, escape(greeting)).replace(self._url, escape(url)),
            plain_text=common.plain_text.replace(self._greeting, greeting).replace(self._url, url),
        )

    def _common(self, language: str) -> Rendered:
        if language not in self._by_language:
            self._by_language[language] = template_render(
                template="announcement", context=self._context, language=language
            )
        return self._by_language[language]


def _mark() -> str:
    """Letters and digits alone, so that it survives escaping, inlining and wrapping as it is."""
    return f"mark{secrets.token_hex(16)}"


def _greeting(name: str, language: str) -> str:
    """One line, whatever a name holds."""
    name = " ".join(name.split())
    with translation.override(language or settings.LANGUAGE_CODE):
        return gettext("Hello %(name)s,") % {"name": name} if name else gettext("Hello,")
