"""Looks for secrets in what was written."""

import json
from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass
class Seen:
    """What was written by whom: texts by their place; and the secrets, by their name."""

    texts: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def leaks(self) -> list[str]:
        """Which secret stands where, plain, encoded for a URL, or as JSON."""
        return [
            f"{name} in {place}: {_around(text, written)}"
            for name, secret in self.secrets.items()
            for written in {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
            for place, text in self.texts.items()
            if written.lower() in text.lower()
        ]


def _around(text: str, secret: str) -> str:
    at = text.lower().index(secret.lower())
    return text[max(at - 150, 0) : at + len(secret) + 50]
