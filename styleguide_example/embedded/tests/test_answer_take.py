from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from styleguide_example.embedded.answers import (
    HISTORY_MAX,
    Answer,
    Answers,
    Order,
    Stage,
    answer_order,
    answer_take,
    answers_path,
    answers_read,
)

pytestmark = pytest.mark.once


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return answers_path(tmp_path / "mail")


def _take(path: Path, stage: Stage = Stage.DATA) -> Answer | None:
    return answer_take(path, stage=stage, sender="hello@example.com", recipients=["ada@example.com"])


class TestAnswerTake:
    def test_gives_nothing_before_anything_was_ordered(self, path: Path) -> None:
        assert _take(path) is None
        assert not path.exists()

    def test_gives_what_was_ordered_as_often_as_it_was(self, path: Path) -> None:
        answer_order(path, Order(Answer.LATER, Stage.DATA, left=2))

        assert [_take(path) for _ in range(3)] == [Answer.LATER, Answer.LATER, None]
        assert answers_read(path).order is None

    def test_gives_it_at_the_stage_that_was_ordered(self, path: Path) -> None:
        answer_order(path, Order(Answer.CUT, Stage.RCPT))

        assert (_take(path, Stage.DATA), _take(path, Stage.RCPT)) == (None, Answer.CUT)

    def test_gives_it_until_it_is_switched_off(self, path: Path) -> None:
        answer_order(path, Order(Answer.NEVER, Stage.DATA, left=None))
        assert {_take(path) for _ in range(HISTORY_MAX + 1)} == {Answer.NEVER}

        answer_order(path, None)
        assert _take(path) is None
        assert len(answers_read(path).history) == HISTORY_MAX

    def test_gives_the_last_one_to_one_of_many_at_once(self, path: Path) -> None:
        answer_order(path, Order(Answer.LATER, Stage.DATA, left=5))

        with ThreadPoolExecutor(8) as pool:
            taken = Counter(pool.map(lambda _: _take(path), range(40)))

        assert taken == {Answer.LATER: 5, None: 35}
        assert len(answers_read(path).history) == 5

    def test_remembers_when_and_whose_the_message_was(self, path: Path) -> None:
        answer_order(path, Order(Answer.SILENCE, Stage.TAKEN))
        answer_take(path, stage=Stage.TAKEN, sender="\udcff@a", recipients=[f"{n}@example.com" for n in range(50)])

        (given,) = answers_read(path).history
        assert (given.answer, given.stage, given.sender) == (Answer.SILENCE, Stage.TAKEN, "\ufffd@a")
        assert given.recipients == ["0@example.com", "1@example.com", "2@example.com"]
        assert given.at.tzinfo is not None

    @pytest.mark.parametrize("kept", ["", "[]", "{}", '{"order": {"answer": "999"}, "history": []}', "\ufffd"])
    def test_gives_nothing_where_the_file_is_broken(self, path: Path, kept: str) -> None:
        path.write_text(kept)

        assert answers_read(path) == Answers()
        assert _take(path) is None
