"""What a batch of e-mails was written for. Apps above say it here, so that an e-mail's page can lead there.

A batch is named ``<prefix>:<key>``; whoever writes batches registers the prefix once, when the admin is loaded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Origin:
    """Something that the e-mails of a batch belong to. ``url`` is empty for whoever may not see it."""

    what: str
    title: str
    url: str = ""


#: Given a batch and who looks, in the order in which they are shown.
Find = Callable[[str, Any], Sequence[Origin]]

_finders: dict[str, Find] = {}


def origin_register(prefix: str, find: Find) -> None:
    """Let ``find`` say what the batches that begin with ``prefix`` were written for."""
    _finders[prefix] = find


def batch_origins(batch: str | None, *, viewer: Any) -> list[Origin]:
    """Return what ``batch`` was written for, as far as somebody knows and ``viewer`` may."""
    find = _finders.get((batch or "").partition(":")[0])
    return list(find(str(batch), viewer)) if find else []
