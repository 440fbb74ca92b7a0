import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styleguide_example.core.enums import HIGHEST_BROKER_PRIORITY, Priority, broker_priority

REDIS = ["redis://localhost/0", "rediss://cache.example.com/0", "redis+socket:///var/broker.sock", "sentinel://host"]
RABBITMQ = ["amqp://localhost", "amqps://mq.example.com//", "pyamqp://guest@localhost//"]


class TestBrokerPriority:
    @pytest.mark.parametrize("broker_url", REDIS)
    @pytest.mark.parametrize("priority", Priority)
    def test_is_the_number_itself_where_zero_is_served_first(self, broker_url: str, priority: Priority) -> None:
        assert broker_priority(priority, broker_url=broker_url) == priority

    @pytest.mark.parametrize("broker_url", RABBITMQ)
    @pytest.mark.parametrize(
        ("priority", "number"),
        [
            (Priority.RESERVED, 9),
            (Priority.HIGHEST, 8),
            (Priority.HIGH, 6),
            (Priority.NORMAL, 4),
            (Priority.LOW, 2),
            (Priority.LOWEST, 0),
        ],
    )
    def test_is_turned_round_where_the_highest_number_is_served_first(
        self, broker_url: str, priority: Priority, number: int
    ) -> None:
        assert broker_priority(priority, broker_url=broker_url) == number

    @settings(deadline=None)  # a busy machine proves nothing
    @given(priority=st.integers(min_value=0, max_value=9), broker_url=st.sampled_from(REDIS + RABBITMQ))
    def test_is_its_own_inverse_and_stays_within_ten_steps(self, priority: int, broker_url: str) -> None:
        number = broker_priority(priority, broker_url=broker_url)
        assert 0 <= number <= HIGHEST_BROKER_PRIORITY
        assert broker_priority(number, broker_url=broker_url) == priority
