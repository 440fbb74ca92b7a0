from contextlib import ExitStack

import jsonschema  # type: ignore[import-untyped]  # a package without types
import pytest
from pytest_django import DjangoAssertNumQueries

from styleguide_example.api.tests.clients import token_client
from styleguide_example.jobs.kinds import holders_of, nobody
from styleguide_example.jobs.tests.api_kinds import ADDRESS, export_known
from styleguide_example.jobs.tests.factories import kind_known

pytestmark = pytest.mark.django_db

KINDS = f"{ADDRESS}kinds/"


class TestJobKindListApi:
    def test_lists_what_the_person_may_start(self) -> None:
        with kind_known("mine"), kind_known("internal", may_start=nobody):
            kinds = {kind["name"]: kind for kind in token_client().get(KINDS).json()}

        assert "internal" not in kinds
        assert kinds["mine"] == {
            "name": "mine",
            "title": "Do mine",
            "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
            "start": f"{ADDRESS}mine/",
        }

    def test_describes_the_parameters_in_json_schema(self) -> None:
        with export_known():
            kinds = {kind["name"]: kind for kind in token_client().get(KINDS).json()}
        validator = jsonschema.Draft202012Validator(kinds["export"]["parameters"])
        validator.check_schema(validator.schema)

        assert validator.is_valid({"table": "people", "rows": {"first": 0, "last": 9}})
        assert not validator.is_valid({})
        assert not validator.is_valid({"table": "people", "x": 2})
        assert not validator.is_valid({"table": "x" * 51})
        assert not validator.is_valid({"table": "people", "rows": {"first": -1, "last": 9}})

    def test_asks_for_permissions_once(self, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
        client = token_client()
        asked = [kind_known(f"asked-{number}", may_start=holders_of("jobs.control_jobs")) for number in range(5)]

        with ExitStack() as known, django_assert_max_num_queries(3):
            for kind in asked:
                known.enter_context(kind)
            client.get(KINDS)
