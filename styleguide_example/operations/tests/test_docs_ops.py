"""The Grafana board and the alert rules ask for what ``/metrics`` says."""

import json
import re
from typing import Any

import pytest
import yaml
from django.conf import settings

from config.env import BASE_DIR
from styleguide_example.operations.counts import ROWS_MAX
from styleguide_example.operations.failures import TEXTS_MAX
from styleguide_example.operations.metrics import ProductCollector
from styleguide_example.operations.waits import SAMPLE_MAX

pytestmark = pytest.mark.once

OPS = BASE_DIR / "docs/ops"
NAME = re.compile(r"\bstyleguide_\w+")
RULES = [
    rule for group in yaml.safe_load((OPS / "prometheus-alerts.yml").read_text())["groups"] for rule in group["rules"]
]


def _board() -> Any:
    return json.loads((OPS / "grafana-dashboard.json").read_text())


def _expressions() -> list[str]:
    return [target["expr"] for panel in _board()["panels"] for target in panel["targets"]]


def _anchors(document: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", (BASE_DIR / document).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture
def exported(db: None) -> set[str]:
    """The names that ``/metrics`` has, whatever the rows."""
    return {family.name for family in ProductCollector().collect()}


class TestBoard:
    def test_asks_for_every_figure_and_for_no_other(self, exported: set[str]) -> None:
        assert {name for expression in _expressions() for name in NAME.findall(expression)} == exported

    def test_has_panels_that_do_not_overlap(self) -> None:
        cells = [
            (x, y)
            for panel in _board()["panels"]
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24


class TestAlert:
    @pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
    def test_asks_for_what_is_exported_and_says_what_to_do(self, exported: set[str], rule: dict[str, Any]) -> None:
        names = NAME.findall(rule["expr"])
        assert names
        assert set(names) <= exported
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert re.fullmatch(r"\d+m", rule["for"])
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        document, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert anchor in _anchors(document)


class TestReadme:
    def test_says_what_the_code_does(self) -> None:
        said = (OPS / "README.md").read_text()
        assert f"{SAMPLE_MAX:,} e-mails" in said
        assert f"{ROWS_MAX:,} e-mails" in said
        assert f"the newest {TEXTS_MAX} of each source" in said
        assert "METRICS_TOKEN" in said
        assert hasattr(settings, "METRICS_TOKEN")
