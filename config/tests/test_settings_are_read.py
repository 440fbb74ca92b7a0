"""A setting that nobody reads is a promise that nobody keeps."""

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import global_settings

from config.env import BASE_DIR

DJANGOS = {*dir(global_settings), "ROOT_URLCONF"}  # which has no default
#: Read by packages: Celery (its names have a check of their own), django-structlog, WhiteNoise, DRF, drf-spectacular.
OTHERS = ("CELERY_", "DJANGO_STRUCTLOG_", "WHITENOISE_", "REST_FRAMEWORK", "SPECTACULAR_SETTINGS")


def _trees(folder: str) -> Iterator[ast.Module]:
    for path in Path(BASE_DIR / folder).rglob("*.py"):
        if "tests" not in path.parts and "migrations" not in path.parts:
            yield ast.parse(path.read_text())


def _defined() -> set[str]:
    names = {
        target.id
        for tree in _trees("config")
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id.isupper() and not target.id.startswith("_")
    }
    return {name for name in names if name not in DJANGOS and not name.startswith(OTHERS)}


def _read() -> set[str]:
    in_config = {
        node.id
        for tree in _trees("config")
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    in_code = {
        node.attr
        for tree in _trees("styleguide_example")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and "settings" in node.value.id
    }
    return in_config | in_code


class TestSettings:
    def test_are_all_read(self) -> None:
        assert sorted(_defined() - _read()) == []

    def test_are_found_by_this_guard(self) -> None:
        assert {"EMAIL_SENDING_LEASE_SECONDS", "RATE_LIMIT_WINDOW_SECONDS", "APP_BASE_URL"} <= _defined()
