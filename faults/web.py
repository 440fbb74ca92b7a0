"""HTTP as clients of the product speak it: a person who signs up, and a client of the API."""

import json
import re
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlencode

from styleguide_example.embedded.environment import HOST

SIGN_UP = "/sign-up/"
PATIENCE_SECONDS = 15
_CSRF_COOKIE = re.compile(r"csrftoken=([^;]+)")


@dataclass(frozen=True)
class Answer:
    """What a client saw. A status of 0: nobody answered."""

    status: int
    seconds: float
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Web:
    """The web server behind the proxy that ends TLS in a deployment: its headers are sent along."""

    def __init__(self, port: int) -> None:
        #: How long a client waits for an answer.
        self.patience_seconds: float = PATIENCE_SECONDS
        self._port = port
        self._csrf = ""

    def sign_up(self, address: str) -> Answer:
        """Sign an address up, as the form does. 302 says that it was committed."""
        if not self._csrf:
            page = self.ask("GET", SIGN_UP)
            found = _CSRF_COOKIE.search(page.headers.get("set-cookie", ""))
            self._csrf = found.group(1) if found else ""
        form = urlencode({"email": address, "csrfmiddlewaretoken": self._csrf})
        headers = {"Cookie": f"csrftoken={self._csrf}", "Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", SIGN_UP, form.encode(), headers)

    def api(self, method: str, path: str, secret: str, body: dict[str, Any] | None = None, **headers: str) -> Answer:
        """Ask the API, with the secret of a token."""
        sent = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json", **headers}
        return self.ask(method, path, None if body is None else json.dumps(body).encode(), sent)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Ask, and return the answer with the seconds that it took. Nobody's answer is one too."""
        connection = HTTPConnection(HOST, self._port, timeout=self.patience_seconds)
        origin = f"https://{HOST}:{self._port}"
        sent = {"X-Forwarded-Proto": "https", "Origin": origin, "Referer": origin + path, **(headers or {})}
        began = time.monotonic()
        try:
            connection.request(method, path, body, sent)
            return _answer(connection.getresponse(), began)
        except (OSError, HTTPException):
            return Answer(0, time.monotonic() - began)
        finally:
            connection.close()


def _answer(response: HTTPResponse, began: float) -> Answer:
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, time.monotonic() - began, body, headers)
