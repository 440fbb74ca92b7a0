"""``make faults ARGS=--peers``."""

from collections.abc import Callable, Sequence
from pathlib import Path

from faults.peers import contenders, faults, page
from faults.peers.running import peers_run


def peers_measured(
    keys: Sequence[str], say: Callable[[str], None], *, json: Path | None = None, keep: bool = False
) -> bool:
    """Make these faults, or all, under every contender, and write the page of a whole run.

    Returns whether this project held each of them; what the peers do is for the reader.

    Raises:
        ValueError: when a fault is not known.
        MissingError: when the peers are not installed, or something else that is needed.
    """
    known = {fault.key: fault for fault in faults.ALL}
    if unknown := [key for key in keys if key not in known]:
        raise ValueError(f"Of the peers there is no {', '.join(unknown)}. There are: {', '.join(known)}.")
    contenders.peers_check()
    lines = peers_run(contenders.ALL, [known[key] for key in keys or known], say, keep=keep)
    card = page.as_json(lines)
    if json:
        page.write(card, data=json)
    elif not keys:
        page.write(card, data=page.DATA, text=page.PAGE)
        say(f"Written: {page.PAGE}, {page.DATA}")
    ours = [line for line in lines if line.contender is contenders.OURS]
    say(f"{sum(line.is_held for line in ours)} of {len(ours)} held by {contenders.OURS.title}.")
    return bool(ours) and all(line.is_held for line in ours)
