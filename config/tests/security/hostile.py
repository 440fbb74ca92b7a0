"""Values that somebody types who wants them to be more than text, and what a message looks like apart from its text."""

from html.parser import HTMLParser
from typing import Any

from styleguide_example.core.redaction import links_masked
from styleguide_example.emails.tests.smtp_server import Received

LINE_ENDS = ["\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
HOSTILE = [
    *(f"Ada{end}Bcc: eve@example.com" for end in LINE_ENDS),
    *(f"Ada{end}{end}<h1>Another body</h1>" for end in ("\r\n", "\n", "\r")),
    "Ada\r\n.\r\nMAIL FROM:<eve@example.com>\r\nRCPT TO:<eve@example.com>\r\nDATA\r\n",
    "Ada\n.\nMAIL FROM:<eve@example.com>",
    "=?utf-8?q?Ada=0D=0ABcc:_eve@example.com?=",
    "=?utf-8?b?QWRhDQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=",
    "Ada%0d%0aBcc: eve@example.com",
    'Ada" <eve@example.com>, "Eve',
    "Ada, eve@example.com",
    "--===============0==",
    "{{ 7|add:42 }}{% debug %}{% include 'emails/_base.html' %}{# x #}",
    "{{ settings.SECRET_KEY }}",
    "%(name)s {name} ${name} #{7*7}",
    "<script>alert(1)</script>",
    "</title></p></body></html><script src=//evil.example></script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<a href='javascript:alert(1)'>here</a>",
    "[here](javascript:alert(1))",
    "![here](http://evil.example/pixel.png)",
    "<!-- --><style>*{display:none}</style>",
    "&lt;b&gt;&#60;b&#62;",
    "\u202eAda\u202c",
    "\ud800",
]
HARMLESS = "Ada"


class Shape(HTMLParser):
    """Tags with the names of their attributes, and where they lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.leads: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {sorted(name for name, _ in attrs)}")
        self.leads += [str(value) for name, value in attrs if name in {"href", "src", "background"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def message_form(received: Received) -> dict[str, Any]:
    """Everything about a message but what it says."""
    message = received.message
    html = message.get_body(("html",))
    shape = Shape(html.get_content() if html is not None else "")
    return {
        "envelope": (received.sender, received.recipients),
        "headers": sorted(name.lower() for name in message),
        "parts": [part.get_content_type() for part in message.walk()],
        "recipients": [address.addr_spec for address in message["To"].addresses],
        "senders": [address.addr_spec for address in message["From"].addresses],
        "tags": [tag for tag in shape.tags if not tag.startswith(("p [", "br ["))],
        "leads": [links_masked(one) for one in shape.leads],
    }
