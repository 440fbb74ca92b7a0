"""What the index at ``/api/`` leads to: an app adds its addresses at the top of its ``apis.py``.

So each app says where its endpoints begin, and this one knows no domain.
"""

from django.urls import reverse

_VIEWS: dict[str, str] = {}


def api_link(name: str, *, view: str) -> None:
    """Let the index lead to ``view``, which needs no arguments, under ``name``."""
    _VIEWS[name] = view


def api_links() -> dict[str, str]:
    """Return the addresses by name, in the order in which they were added; the kit's own are the last."""
    views = {**_VIEWS, "schema": "api:schema", "docs": "api:docs"}
    return {name: reverse(view) for name, view in views.items()}
