"""A table that is full already: finished rows, written inside the database."""

from collections.abc import Callable
from typing import Any

from benchmarks.bulk.peers import Contender
from benchmarks.bulk.processes import Driver

CHUNK = 100_000


def table_fill(ask: Callable[[str], Any], driver: Driver, contender: Contender) -> None:
    """Write one row by the contender's door, finish it, and multiply it: real columns, real sizes, ids from 1."""
    driver.call("write", count=1)
    table = contender.table
    ask(f"UPDATE {table} SET status = 'sent', sent_at = now(), ended_at = now(), attempts = 1")  # noqa: S608  our table
    names = ask(
        f"SELECT string_agg(column_name, ', ') FROM information_schema.columns WHERE table_name = '{table}' "  # noqa: S608
        "AND column_name NOT IN ('id', 'message_id', 'to', 'sent_at', 'ended_at')"
    )
    first = ask(f"SELECT min(id) FROM {table}")  # noqa: S608
    made = 1
    while made < contender.full_of:
        more = min(CHUNK, contender.full_of - made)
        # Spread over the last ninety days, as they would be.
        ask(
            f'INSERT INTO {table} ({names}, message_id, "to", sent_at, ended_at) SELECT {names}, '  # noqa: S608
            f"'<' || md5(({made} + n)::text) || '@example.com>', "
            f"jsonb_build_array('old-' || ({made} + n) || '@example.net'), "
            f"now() - ({made} + n) * interval '7 seconds', now() - ({made} + n) * interval '7 seconds' "
            f"FROM {table}, generate_series(1, {more}) AS n WHERE id = {first}"
        )
        made += more
    ask(f"VACUUM ANALYZE {table}")
    ask("CHECKPOINT")
