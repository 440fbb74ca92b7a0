import os
from pathlib import Path

import pytest

from styleguide_example.embedded.locks import LockHeldError, lock_take


class TestLockTake:
    def test_refuses_a_second_one(self, tmp_path: Path) -> None:
        first = lock_take(tmp_path / "deep" / "lock")

        with pytest.raises(LockHeldError):
            lock_take(tmp_path / "deep" / "lock")
        os.close(first)

    def test_is_free_again_when_its_holder_is_gone(self, tmp_path: Path) -> None:
        os.close(lock_take(tmp_path / "lock"))

        os.close(lock_take(tmp_path / "lock"))
