"""An e-mail as its recipient sees it, for a frame: it runs nothing, and has no session."""

import re

from django.http import HttpResponse

#: What is shown is an e-mail: it runs nothing, opens nothing, posts nothing, and knows nothing of the admin's session.
LETTER_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data: https:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
SCHEMES = ("light", "dark")
#: What an e-mail asks about the scheme, and what it says that it can be read in.
_ASKED = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_OFFERED = re.compile(r"""(\bcolor-scheme["']?\s*(?:content=["']|:)\s*)(?:light\s+dark|dark\s+light)""", re.IGNORECASE)
_YES, _NO = "(min-width: 0)", "(max-width: 0)"


def letter_response(html: str, *, scheme: str = "") -> HttpResponse:
    """Answer with ``html`` by itself; ``sandbox`` holds also where it is opened outside of a frame.

    With a ``scheme`` it looks as to a reader who prefers that one; an e-mail that offers only one looks as always.
    Whose links it may hold is the caller's decision (``core.redaction.links_masked``).
    """
    return HttpResponse(
        _in_scheme(html, scheme) if scheme in SCHEMES else html,
        headers={"Content-Security-Policy": LETTER_POLICY, "Referrer-Policy": "no-referrer"},
    )


def _in_scheme(html: str, scheme: str) -> str:
    """Answer what it asks in its own text: browsers do not agree whether a frame may have a scheme of its own."""
    answered = _ASKED.sub(lambda asked: _YES if asked[1].lower() == scheme else _NO, html)
    return _OFFERED.sub(rf"\g<1>{scheme}", answered)
