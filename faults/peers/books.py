"""The books of one fault under one contender: what was promised, and what became of it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from faults.database import Row, Rows
from faults.peers.contenders import Contender
from faults.sink import Sink

_ROWS = "SELECT {address}, ({is_open}), ({is_failed}) FROM {table} WHERE CAST({address} AS TEXT) LIKE %s"


@dataclass(frozen=True)
class Figures:
    """``promised``: rows that are committed, and requests that were told so. The others are of these."""

    promised: int = 0
    #: Never came.
    lost: int = 0
    #: Copies that came besides the first.
    twice: int = 0
    #: E-mails that came under more than one Message-ID, so that no reader can drop the second.
    renamed: int = 0
    #: Rows that say they are on their way when nothing moves any more.
    stuck: int = 0
    #: Rows that say they failed.
    failed: int = 0


class Books:
    """Addresses of one fault are in a domain of its own."""

    def __init__(self, contender: Contender, database: Rows, sink: Sink, domain: str) -> None:
        self.domain = domain
        self._contender, self._database, self._sink = contender, database, sink
        self._confirmed: set[str] = set()

    def confirmed(self, addresses: Iterable[str]) -> None:
        """Somebody was told that these are on their way."""
        self._confirmed.update(addresses)

    def arrived(self) -> int:
        """How many have come, copies included."""
        return self._sink.arrived(self.domain)

    def open_now(self) -> int:
        """How many rows say that they are on their way."""
        return sum(is_open for _, is_open, _ in self._rows())

    def state(self) -> object:
        """Something that is another when anything has moved."""
        return self.arrived(), sorted(self._rows())

    def missing(self) -> int:
        """How many that are promised have not come by now."""
        return len(self._promised(self._rows()) - {address for address, _ in self._sink.copies(self.domain)})

    def figures(self) -> Figures:
        """Count everything."""
        rows = self._rows()
        promised = self._promised(rows)
        copies: Counter[str] = Counter()
        ids: dict[str, set[str]] = defaultdict(set)
        for (address, message_id), number in self._sink.copies(self.domain).items():
            copies[address] += number
            ids[address].add(message_id)
        return Figures(
            promised=len(promised),
            lost=len(promised - copies.keys()),
            twice=sum(number - 1 for number in copies.values()),
            renamed=sum(len(known) > 1 for known in ids.values()),
            stuck=sum(is_open for _, is_open, _ in rows),
            failed=sum(is_failed for _, _, is_failed in rows),
        )

    def _promised(self, rows: list[Row]) -> set[str]:
        return self._confirmed | {address for address, _, _ in rows}

    def _rows(self) -> list[Row]:
        one = self._contender
        statement = _ROWS.format(address=one.address, is_open=one.is_open, is_failed=one.is_failed, table=one.table)
        return [
            (str(address), bool(is_open), bool(is_failed))
            for address, is_open, is_failed in self._database.rows(statement, [f"%@{self.domain}"])
        ]
