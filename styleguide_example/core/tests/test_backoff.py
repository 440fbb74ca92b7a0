import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styleguide_example.core.backoff import backoff_seconds


def _longest(_low: float, high: float) -> float:
    return high


def _shortest(low: float, _high: float) -> float:
    return low


class TestBackoffSeconds:
    @pytest.mark.parametrize(
        ("attempt", "seconds"),
        [(1, 30), (2, 60), (3, 120), (4, 240), (7, 1920), (8, 3600), (9, 3600), (33, 3600), (34, 3600), (10_000, 3600)],
    )
    def test_doubles_until_the_maximum(self, attempt: int, seconds: float) -> None:
        assert backoff_seconds(attempt, base=30, maximum=3600, uniform=_longest) == seconds

    @pytest.mark.parametrize("attempt", [1, 2, 50])
    def test_begins_at_nothing_so_that_attempts_spread_over_the_whole_time(self, attempt: int) -> None:
        assert backoff_seconds(attempt, base=30, maximum=3600, uniform=_shortest) == 0

    def test_stays_below_a_maximum_that_is_shorter_than_the_base(self) -> None:
        assert backoff_seconds(1, base=30, maximum=10, uniform=_longest) == 10

    @settings(deadline=None)  # a busy machine proves nothing
    @given(
        attempt=st.integers(min_value=1, max_value=10_000),
        base=st.floats(min_value=0, max_value=1e6),
        maximum=st.floats(min_value=0, max_value=1e6),
        uniform=st.sampled_from([_longest, _shortest, random.uniform]),
    )
    def test_is_never_negative_and_never_above_the_maximum(
        self, attempt: int, base: float, maximum: float, uniform: Callable[[float, float], float]
    ) -> None:
        assert 0 <= backoff_seconds(attempt, base=base, maximum=maximum, uniform=uniform) <= maximum

    @settings(deadline=None)  # a busy machine proves nothing
    @given(attempt=st.integers(min_value=1, max_value=9_999))
    def test_never_allows_less_time_after_more_attempts(self, attempt: int) -> None:
        now = backoff_seconds(attempt, base=30, maximum=3600, uniform=_longest)
        assert backoff_seconds(attempt + 1, base=30, maximum=3600, uniform=_longest) >= now
