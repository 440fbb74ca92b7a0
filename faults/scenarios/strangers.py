"""People who want what is not theirs, messages that nobody here wrote, and what can be read of others in passing."""

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from faults.profiles import LEASE_SECONDS, SWEEP_SECONDS
from faults.scenario import Outcome, Run, scenario
from faults.web import Answer

#: What a message holds back that a worker ended on: the lease, and a sweep.
RECOVERY_SECONDS = LEASE_SECONDS + 2 * SWEEP_SECONDS
#: How the address of the page to sign in begins.
SIGN_IN_PAGES = ("/sign-in/", "/admin/login/")
SIGN_IN = "in"
#: Nothing is there of it any more, or never was (410 for a link that was signed, and is not any more).
FORGED = {401, 404, 410}
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_WORLD = "faults.product.worlds"
#: What the load writes, and what the product notes for itself all the time, by model.
_OF_THE_LOAD = {"emails.Email", "users.User"}
_ALWAYS_NEW = {"tasks.Schedule", "tasks.ScheduleRun"}
_ALWAYS_CHANGING = {
    "django_celery_beat.PeriodicTask",
    "tasks.BeatLeader",
    "tasks.Schedule",
    "tasks.ScheduleRun",
}


@scenario(
    "X1",
    title="Strangers knock at every door",
    load="a sign-up every 0.1 s, 300 e-mails in bursts, 100 with a message each",
    fresh_database=True,  # the rows that they want are always the same
)
def strangers_knock(run: Run) -> Outcome:
    """At every address nobody, somebody else, and staff without permission ask for what is not theirs.

    They try links and tokens with a letter changed, and put into the broker pickles, YAML, bodies and headers that are
    of no call, calls of 5 MB, and calls about e-mails that nobody asked for or that were sent.
    """
    ready = run.load.addresses(1)[0]
    run.ledger.emails_excused([ready])
    world = run.stack.feeder.call(f"{_WORLD}.world_make", ready=ready)
    run.expect(run.load.secret, "no token")  # made now, so that its person is no news
    (forger,) = run.stack.feeders(1)
    forger.call(f"{_WORLD}.rows_remember")
    processes = _processes(run)
    said, bomb = _said(run, "message_refused"), run.stack.room.directory / "exploded"
    with run.load.signing_up(every=0.1) as answers:
        burst = run.load.emails_begin(300)
        refused = forger.call(f"{_WORLD}.messages_forge", bomb=str(bomb))
        knocked = _all_knocked(run, world)
        forged = _forged_links(run, world["links"])
        burst.wait()
        run.load.emails(100, door="queue")
    run.fault_ended()
    run.recovered()
    run.wait_until(lambda: run.stack.queue_length() == 0, what="all messages to be taken")
    run.wait_until(lambda: _said(run, "message_refused") - said >= refused, what="each refusal in a log")
    run.expect(not bomb.exists(), "a pickle was read")
    run.expect(_processes(run) == processes, "a process of a worker ended")
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    _expect_nothing_changed(run, forger.call(f"{_WORLD}.rows_compare"))
    return run.outcome(
        recovered_at_most=RECOVERY_SECONDS,
        seen=f"{knocked} requests for what is not theirs and {forged} forged links were refused, {refused} messages "
        "refused in the log; no row changed but those of the load.",
    )


def _all_knocked(run: Run, world: Mapping[str, Any]) -> int:
    """Each knock gets its refusal. Returns how many there were."""
    clients = {person: _client(session) for person, session in world["sessions"].items()}
    wrong = []
    for person, method, path, expected in world["knocks"]:
        headers, body = _asked(clients.get(person, _client("")), method, path)
        answer = run.load.web.ask(method, path, body, headers)
        if _in_words(answer) != expected:
            wrong.append(f"{method} {path} as {person}: {_in_words(answer)}, {expected} expected")
    run.expect(not wrong, f"{len(wrong)} requests were not refused as they should: {'; '.join(wrong[:3])}")
    run.expect(len(world["knocks"]) > 100, "hardly anybody knocked")
    return len(world["knocks"])


def _client(session: str) -> dict[str, str]:
    """The headers of a browser, which knows its own token against forged forms."""
    token = secrets.token_hex(16)
    cookies = {"csrftoken": token, **({"sessionid": session} if session else {})}
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "X-CSRFToken": token}


def _asked(client: Mapping[str, str], method: str, path: str) -> tuple[dict[str, str], bytes | None]:
    if method == "GET":
        return dict(client), None
    is_api = path.startswith("/api/")
    return {**client, "Content-Type": _JSON if is_api else _FORM}, b"{}" if is_api else b""


def _in_words(answer: Answer) -> str:
    """The status, or that it leads to the page to sign in."""
    return SIGN_IN if answer.headers.get("location", "").startswith(SIGN_IN_PAGES) else str(answer.status)


def _forged_links(run: Run, links: list[str]) -> int:
    """Each link and the client's token with a letter changed here and there opens nothing. Returns how many."""
    confirm, unsubscribe = links
    choice = {"new_password1": "Stranger-Periwinkle-7431", "new_password2": "Stranger-Periwinkle-7431"}
    answers = [_posted(run, path, choice) for path in tampered(confirm)]
    answers += [_posted(run, path, {"List-Unsubscribe": "One-Click"}) for path in tampered(unsubscribe)]
    answers += [run.load.web.api("GET", "/api/jobs/", secret) for secret in tampered(run.load.secret)]
    opened = Counter(answer.status for answer in answers if answer.status not in FORGED)
    run.expect(not opened, f"forged links and tokens were answered with {dict(opened)}")
    return len(answers)


def _posted(run: Run, path: str, form: dict[str, str]) -> Answer:
    return run.load.web.ask("POST", path, urlencode(form).encode(), {**_client(""), "Content-Type": _FORM})


def tampered(text: str) -> Iterator[str]:
    """The text with one letter of its last part changed, at each of several places."""
    bare = text.rstrip("/")
    start = bare.rfind("/") + 1
    for at in range(max(start, 4), len(bare), 5):
        other = "a" if bare[at] != "a" else "b"
        yield bare[:at] + other + bare[at + 1 :] + text[len(bare) :]


def _expect_nothing_changed(run: Run, changes: dict[str, dict[str, int]]) -> None:
    """Rows that were there are as they were; new ones are those of the load."""
    for model, counted in changes.items():
        run.expect(not counted["gone"], f"{counted['gone']} rows of {model} are gone")
        if model not in _ALWAYS_CHANGING:
            run.expect(not counted["changed"], f"{counted['changed']} rows of {model} changed")
        if model not in _OF_THE_LOAD | _ALWAYS_NEW:
            run.expect(not counted["new"], f"{counted['new']} rows of {model} are new")
    emails = changes.get("emails.Email", {}).get("new", 0)
    run.expect(emails == run.ledger.emails_asked, f"{emails} e-mails are new, {run.ledger.emails_asked} asked for")


def _processes(run: Run) -> list[list[int]]:
    return [[worker.pid, *(child.pid for child in worker.children())] for worker in run.stack.workers]


def _said(run: Run, words: str) -> int:
    """How often the workers said so."""
    logs: list[Path] = [run.stack.room.log(worker.name) for worker in run.stack.workers]
    return sum(log.read_text(errors="replace").count(words) for log in logs)
