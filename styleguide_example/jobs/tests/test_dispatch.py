from typing import Any

import pytest
from kombu import Queue
from pytest_django import Settings

from styleguide_example.core.enums import Priority
from styleguide_example.jobs.dispatch import SECONDS_MAX, Once, Options, call_key, queue_names

MANY = range(200)


class TestOptions:
    def test_have_no_reserved_priority(self) -> None:
        with pytest.raises(ValueError, match="HIGHEST"):
            Options(priority=Priority.RESERVED)

    def test_have_no_priority_that_has_no_name(self) -> None:
        unnamed: Any = 10
        with pytest.raises(ValueError, match="10"):
            Options(priority=unnamed)

    def test_name_a_queue_that_workers_take_from(self, settings: Settings) -> None:
        settings.CELERY_TASK_QUEUES = [Queue("slow")]
        assert Options(queue="slow").queue == "slow"
        with pytest.raises(ValueError, match="slow"):
            Options(queue="slwo")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"delay_seconds": -1},
            {"jitter_seconds": -1},
            {"debounce_seconds": -0.1},
            {"delay_seconds": SECONDS_MAX + 1},
            {"timeout_seconds": 0},
            {"once": Once(timeout_seconds=0)},
            {"once": Once(timeout_seconds=SECONDS_MAX + 1)},
            {"debounce_seconds": 1, "delay_seconds": 1},
        ],
        ids=str,
    )
    def test_refuse_what_could_not_work(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError):  # noqa: PT011  each message is another one
            Options(**wrong)


class TestWaitSeconds:
    def test_spread_what_machines_start_within_bounds(self, settings: Settings) -> None:
        settings.JOB_JITTER_SECONDS = 3
        waits = [Options(delay_seconds=10).wait_seconds(has_owner=False) for _ in MANY]
        assert all(10 <= wait <= 13 for wait in waits)
        assert max(waits) - min(waits) > 1

    def test_spread_as_far_as_is_asked(self) -> None:
        waits = [Options(jitter_seconds=60).wait_seconds(has_owner=False) for _ in MANY]
        assert all(0 <= wait <= 60 for wait in waits)
        assert max(waits) > 30

    @pytest.mark.parametrize("options", [Options(jitter_seconds=60), Options(jitter_seconds=60, person_waits=True)])
    def test_let_no_person_wait_longer(self, options: Options) -> None:
        assert {options.wait_seconds(has_owner=True) for _ in MANY} == {0}

    def test_let_no_person_wait_who_starts_it_as_the_system(self) -> None:
        assert {Options(jitter_seconds=60, person_waits=True).wait_seconds(has_owner=False) for _ in MANY} == {0}

    def test_spread_what_belongs_to_somebody_who_does_not_wait(self) -> None:
        waits = {Options(jitter_seconds=60, person_waits=False).wait_seconds(has_owner=True) for _ in MANY}
        assert len(waits) > 1

    def test_are_the_same_each_time_in_debug(self, settings: Settings) -> None:
        settings.DEBUG = True
        assert {Options(delay_seconds=2, jitter_seconds=60).wait_seconds(has_owner=False) for _ in MANY} == {2}

    def test_are_the_debounce_without_more(self) -> None:
        assert {Options(debounce_seconds=4, jitter_seconds=60).wait_seconds(has_owner=False) for _ in MANY} == {4}


class TestCallKey:
    def test_is_the_same_for_the_same_arguments_in_any_order(self) -> None:
        assert call_key("t", parameters={"a": 1, "b": 2}, keys=()) == call_key(
            "t", parameters={"b": 2, "a": 1}, keys=()
        )

    def test_looks_at_the_named_arguments_alone(self) -> None:
        keys = {call_key("t", parameters={"a": 1, "b": b}, keys=("a",)) for b in (1, 2)}
        assert len(keys) == 1
        assert call_key("t", parameters={"a": 2, "b": 1}, keys=("a",)) not in keys

    def test_refuses_what_is_no_argument(self) -> None:
        with pytest.raises(ValueError, match="which is not among the arguments"):
            call_key("t", parameters={"a": 1}, keys=("b",))

    def test_tells_two_long_names_apart_and_fits_its_column(self) -> None:
        keys = {call_key("t" * 200 + end, parameters={}, keys=()) for end in "ab"}
        assert len(keys) == 2
        assert max(map(len, keys)) <= 255

    def test_holds_no_argument_that_one_could_read(self) -> None:
        assert "ada@example.com" not in call_key("t", parameters={"address": "ada@example.com"}, keys=())


class TestQueueNames:
    def test_are_the_default_one_and_the_declared(self, settings: Settings) -> None:
        settings.CELERY_TASK_QUEUES = [Queue("slow"), Queue(settings.CELERY_TASK_DEFAULT_QUEUE)]
        assert queue_names() == [settings.CELERY_TASK_DEFAULT_QUEUE, "slow"]
