from typing import Any

import pytest

from styleguide_example.tasks.enums import OnConflict, SyncAction
from styleguide_example.tasks.merge import (
    FieldMerge,
    Plan,
    PlanLine,
    fields_merge,
    line_created,
    line_deleted,
    line_left,
    line_merged,
)

A, B, C = "cron 1 * * * * UTC", "cron 2 * * * * UTC", "cron 3 * * * * UTC"


def _merge(applied: Any, code: Any, database: Any, **how: Any) -> FieldMerge:
    (field,) = fields_merge(applied={"when": applied}, code={"when": code}, database={"when": database}, **how)
    return field


class TestFieldsMerge:
    @pytest.mark.parametrize(
        ("applied", "code", "database", "result", "is_conflict"),
        [
            pytest.param(A, B, A, B, False, id="code changed it, nobody edited it: code's"),
            pytest.param(A, A, B, B, False, id="an admin edited it, code did not change it: the admin's"),
            pytest.param(A, B, B, B, False, id="both came to the same: nothing to write"),
            pytest.param(A, B, C, C, True, id="both changed it: a conflict, and the admin's"),
            pytest.param(None, 5, None, 5, False, id="code says something where it said nothing"),
            pytest.param(5, None, 5, None, False, id="code says nothing any more"),
            pytest.param(5, None, 7, 7, True, id="code says nothing any more, and an admin something else"),
            pytest.param(None, None, 7, 7, False, id="an admin says something where code says nothing"),
        ],
    )
    def test_decides_by_the_table(
        self, applied: Any, code: Any, database: Any, result: Any, *, is_conflict: bool
    ) -> None:
        field = _merge(applied, code, database)
        assert (field.result, field.is_conflict) == (result, is_conflict)
        assert field.is_written is (result != database)
        assert field.is_drift is (result != code)

    def test_leaves_out_what_all_sides_agree_on(self) -> None:
        says = {"when": A, "priority": 5}
        assert fields_merge(applied=says, code={**says}, database={**says, "priority": 3})[0].field == "priority"
        assert fields_merge(applied=says, code={**says}, database={**says}) == ()

    def test_takes_codes_value_in_a_conflict_when_told(self) -> None:
        field = _merge(A, B, C, on_conflict=OnConflict.CODE)
        assert (field.result, field.is_conflict, field.is_drift) == (B, True, False)

    def test_keeps_an_edit_that_code_did_not_touch_even_then(self) -> None:
        assert _merge(A, A, C, on_conflict=OnConflict.CODE).result == C

    @pytest.mark.parametrize(("applied", "database"), [(A, A), (A, C), (B, C), (C, A)])
    def test_takes_codes_value_everywhere_in_a_reset(self, applied: str, database: str) -> None:
        field = _merge(applied, B, database, reset=True)
        assert (field.result, field.is_conflict) == (B, False)

    def test_forgets_why_a_schedule_was_disabled_when_it_enables_it(self) -> None:
        why = {"disabled_reason": "too loud", "disabled_until": "2026-12-01T00:00:00+00:00"}
        nothing = {"disabled_reason": "", "disabled_until": None}
        fields = fields_merge(
            applied={"enabled": False, **nothing},
            code={"enabled": True, **nothing},
            database={"enabled": False, **why},
        )
        assert {field.field: field.result for field in fields} == {"enabled": True, **nothing}

    def test_keeps_why_a_schedule_was_disabled_while_it_is(self) -> None:
        applied = {"enabled": True, "disabled_reason": "", "priority": 5}
        fields = fields_merge(
            applied=applied,
            code={**applied, "priority": 7},
            database={"enabled": False, "disabled_reason": "too loud", "priority": 5},
        )
        assert {field.field: field.result for field in fields} == {
            "enabled": False,
            "disabled_reason": "too loud",
            "priority": 7,
        }


class TestLineLeft:
    def test_deletes_what_says_exactly_what_was_applied(self) -> None:
        says = {"task": "t", "when": A, "enabled": True, "args": "[]"}
        line = line_left("Sweep", applied=says, database={**says}, reason="gone")
        assert (line.action, line.drift, line.conflicts) == (SyncAction.DELETED, (), ())
        assert [(field.field, field.database, field.result) for field in line.fields] == [
            ("task", "t", None),
            ("when", A, None),
        ]

    def test_disables_what_was_edited_and_says_why(self) -> None:
        says = {"task": "t", "when": A, "enabled": True, "disabled_reason": "", "disabled_until": None}
        line = line_left("Sweep", applied=says, database={**says, "when": B}, reason="gone")
        assert line.action is SyncAction.DISABLED
        assert "an admin edited when" in line.note
        assert {field.field: field.result for field in line.fields} == {
            "when": B,
            "enabled": False,
            "disabled_reason": "gone",
        }


class TestPlan:
    CHANGED = line_merged("A", (_merge(A, B, A),), is_remembered=True)
    EDITED = line_merged("B", (_merge(A, A, B),), is_remembered=False)
    CONFLICT = line_merged("C", (_merge(A, B, C),), is_remembered=True)
    AGREED = line_merged("D", (_merge(A, B, B),), is_remembered=True)
    SAME = line_merged("E", (), is_remembered=False)
    CREATED = line_created("F", {"when": A, "priority": None}, defaults={"priority": None})
    DELETED = line_deleted("G", {"task": "t", "when": A}, {"task": "t", "when": A})

    @pytest.mark.parametrize(
        ("lines", "is_empty"),
        [
            ((), True),
            ((SAME, EDITED), True),
            ((SAME, CHANGED), False),
            ((CONFLICT,), False),
            ((AGREED,), False),
            ((CREATED,), False),
            ((DELETED,), False),
        ],
        ids=["nothing", "an edit stays", "changed", "a conflict to remember", "to remember", "created", "deleted"],
    )
    def test_is_empty_when_applying_writes_nothing(self, lines: tuple[PlanLine, ...], *, is_empty: bool) -> None:
        assert Plan(lines).is_empty is is_empty

    def test_finds_what_an_admin_should_know(self) -> None:
        plan = Plan((self.CHANGED, self.EDITED, self.CONFLICT, self.AGREED, self.SAME, self.CREATED, self.DELETED))
        assert plan.conflicts == (self.CONFLICT,)
        assert plan.drift == (self.EDITED, self.CONFLICT)

    def test_counts_in_the_order_of_the_actions(self) -> None:
        plan = Plan((self.CHANGED, self.EDITED, self.CREATED, self.DELETED))
        assert list(plan.counts.items()) == [
            (SyncAction.CREATED, 1),
            (SyncAction.CHANGED, 1),
            (SyncAction.DISABLED, 0),
            (SyncAction.DELETED, 1),
            (SyncAction.UNCHANGED, 1),
        ]

    def test_says_only_what_is_not_by_default_of_what_is_created(self) -> None:
        assert [(field.field, field.database, field.result) for field in self.CREATED.fields] == [("when", None, A)]
