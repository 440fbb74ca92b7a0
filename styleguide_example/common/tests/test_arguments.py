from typing import Any

import pytest

from styleguide_example.common.arguments import KEY_MAX, arguments_check


def _task(*, key: int = 0, name: str = "", anything: Any = None, of_many: list[int] | None = None) -> None:
    """Declares what is checked, and what is not."""


class TestArgumentsCheck:
    @pytest.mark.parametrize(
        "kwargs",
        [
            {},
            {"key": 7, "name": "x"},
            {"key": KEY_MAX},
            {"key": -KEY_MAX},
            {"anything": 2**100, "of_many": "x"},
            {"unknown": 7},  # Celery says so itself
        ],
    )
    def test_lets_pass_what_is_declared_so_or_not_at_all(self, kwargs: dict[str, Any]) -> None:
        arguments_check(_task, kwargs)

    @pytest.mark.parametrize("value", ["7", 7.0, True, None, [7], {"pk": 7}])
    def test_refuses_what_is_no_number(self, value: Any) -> None:
        with pytest.raises(TypeError, match=rf"^key must be int, not {type(value).__name__}\.$"):
            arguments_check(_task, {"key": value})

    @pytest.mark.parametrize("value", [KEY_MAX + 1, -KEY_MAX - 1, 10**400])
    def test_refuses_what_no_database_holds_as_a_key(self, value: int) -> None:
        with pytest.raises(TypeError, match=r"^key must be a number of at most 63 bits\.$"):
            arguments_check(_task, {"key": value})

    @pytest.mark.parametrize("value", [7, None, ["x"], b"x"])
    def test_refuses_what_is_no_text(self, value: Any) -> None:
        with pytest.raises(TypeError, match=r"^name must be str"):
            arguments_check(_task, {"name": value})

    def test_never_says_what_the_value_is(self) -> None:
        with pytest.raises(TypeError) as refused:
            arguments_check(_task, {"key": "ada@example.com"})
        assert "ada" not in str(refused.value)
