"""Guards over the variables: what the code reads, ``.env.example`` explains, and nothing else."""

import re

from config.env import BASE_DIR

#: ``env.int("NAME"``, ``env("NAME"``
READ = re.compile(r"\benv(?:\.\w+)?\(\s*\"([A-Z][A-Z0-9_]*)\"")
#: ``# NAME=value``. What cannot be set in the file stands further in.
EXPLAINED = re.compile(r"^(?:# ?)?([A-Z][A-Z0-9_]*)=", re.MULTILINE)
MENTIONED = re.compile(r"^#\s+([A-Z][A-Z0-9_]*)=", re.MULTILINE)


def _read() -> set[str]:
    files = [path for path in (BASE_DIR / "config").rglob("*.py") if "tests" not in path.parts]
    return {name for path in files for name in READ.findall(path.read_text())}


def _explained() -> list[str]:
    return EXPLAINED.findall((BASE_DIR / ".env.example").read_text())


class TestEnvExample:
    def test_explains_every_variable_that_is_read(self) -> None:
        mentioned = MENTIONED.findall((BASE_DIR / ".env.example").read_text())
        assert sorted(_read() - {*_explained(), *mentioned}) == []

    def test_explains_no_variable_that_nobody_reads(self) -> None:
        assert sorted(set(_explained()) - _read()) == []

    def test_explains_each_once_with_a_comment_above(self) -> None:
        names = _explained()
        assert len(names) == len(set(names))
        lines = (BASE_DIR / ".env.example").read_text().splitlines()
        for number, line in enumerate(lines):
            if EXPLAINED.match(line):
                block = lines[:number]
                while block and EXPLAINED.match(block[-1]):
                    block.pop()
                assert block, line
                assert block[-1].startswith("# "), f"Nothing explains {line!r}."

    def test_holds_no_secret(self) -> None:
        secrets = [line for line in (BASE_DIR / ".env.example").read_text().splitlines() if "SECRET_KEY=" in line]
        assert secrets == ["# SECRET_KEY="]
