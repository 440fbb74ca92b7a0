"""What is said about the work in logs, events for monitors, and messages: nothing in it tells whose work it was."""

import re
import secrets
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode, urlsplit

from config.tests.security.leaks import Seen
from faults.profiles import LEASE_SECONDS, SWEEP_SECONDS
from faults.scenario import Outcome, Run, scenario
from faults.web import Answer
from styleguide_example.emails.tests.smtp_server import HANG_UP

RECOVERY_SECONDS = LEASE_SECONDS + 2 * SWEEP_SECONDS
SUBJECT, BODY = "Delphinium is coming", "Nobody but the reader should read: snapdragon."
NAME, PASSWORD = "Ada Marigold", "Ada-Periwinkle-7431"
_PRODUCT = "faults.product.overheard"
_CONFIRM = re.compile(r"https?://\S+/confirm/\S+")
_CSRF = "a" * 32
_FORM = "application/x-www-form-urlencoded"
#: Any address of this run's scenarios, plain or as in a URL: who works in ``faults`` ends in ``.example``.
_ADDRESS = re.compile(r"[\w.+-]+(?:@|%40)[\w.-]+\.example\b", re.IGNORECASE)


@scenario(
    "X3",
    title="Logs, events and messages tell nothing of anybody",
    load="200 e-mails in bursts, 60 with a message each, 30 sign-ups, one person who comes all the way, ten jobs",
)
def nothing_is_told(run: Run) -> Outcome:
    """All of it is read while everything goes wrong that makes programs talk.

    Mail servers that refuse with the address and the body in their words, or hang up; a database cut off, a worker
    killed, a broker that is away; forged links, wrong passwords, tokens and addresses in paths.
    """
    seen = Seen()
    run.expect(run.load.secret, "no token")
    (listener,) = run.stack.feeders(1)
    end = f"{run.ledger.label}-heard"
    listening = listener.begin(f"{_PRODUCT}.events_listen", until=end)
    seen.texts["messages in the broker"] = _messages(run)
    person = _person_comes_in(run)
    refused = _refused_with_their_words(run)
    on_the_wire = _worker_and_database_cut(run)
    _strangers_ask(run, person)
    run.stack.room.directory.joinpath(end).touch()
    seen.texts["events"] = str(listening.wait())
    _broker_restarted(run)
    run.fault_ended()
    run.recovered()
    seen.secrets = {
        **person,
        "an address that was refused": refused,
        "a subject": SUBJECT,
        "a body": BODY,
        "a token of the API": run.load.secret,
        "the secret key": run.stack.environment()["SECRET_KEY"],
    }
    seen.texts |= {f"the log of {each.name}": _log(run, each.name) for each in run.stack.components}
    seen.texts["the log of the feeder"] = _log(run, "feeder")
    _expect_that_it_was_said(run, seen)
    run.problems.extend(leak[:300] for leak in seen.leaks()[:5])
    told = {place: found[0] for place, text in seen.texts.items() if (found := _ADDRESS.findall(text))}
    run.expect(not told, f"addresses stand in {told}")
    letters = sum(map(len, seen.texts.values()))
    return run.outcome(
        duplicates_at_most=on_the_wire,
        recovered_at_most=RECOVERY_SECONDS,
        seen=f"{letters:,} characters in {len(seen.texts)} places were searched for {len(seen.secrets)} secrets.",
    )


def _messages(run: Run) -> str:
    """What lies in the broker while nobody takes it. It is taken out to be read, so that a sweep has to wake it."""
    with ExitStack() as down:
        for worker in run.stack.workers:
            down.enter_context(worker.left_down())
            worker.kill()
        run.load.emails(100)
        _ask(run, 20)
        run.load.sign_ups(10)
        run.load.jobs(10)
        text = str(run.stack.feeder.call(f"{_PRODUCT}.messages_taken"))
    for worker in run.stack.workers:
        worker.start()
    run.wait_until(run.ledger.is_quiet, what="a sweep to wake what was taken out of the broker")
    return text


def _person_comes_in(run: Run) -> dict[str, str]:
    """Sign up, follow the link, choose a password, say a name. Returns what nobody else may read of it."""
    (address,) = run.load.addresses(1)
    run.load.sign_up(address)
    run.wait_until(lambda: _letter(run, address) is not None, what="the letter")
    path = urlsplit(str(_letter(run, address))).path
    run.load.web.ask("GET", path)
    choice = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    cookie = _post(run, path, **choice).headers.get("set-cookie", "")
    found = re.search(r"sessionid=([^;]+)", cookie)
    session = found.group(1) if found else ""
    run.expect(session, "nobody was signed in")
    for step in ({"full_name": NAME}, {"time_zone": "UTC"}):
        answer = _post(run, "/onboarding/", session, **step)
        run.expect(answer.status == 302, f"onboarding was answered with {answer.status}")
    run.ledger.emails_noted([address])  # the welcome
    return {
        "an address": address,
        "a name": NAME,
        "a password": PASSWORD,
        "a session": session,
        "a confirmation's token": path.split("/")[-2],
    }


def _refused_with_their_words(run: Run) -> str:
    """The mail server says no, with the address and the body in its words. Returns the address."""
    (refused,) = run.load.addresses(1)
    run.ledger.emails_noted([refused])
    run.ledger.emails_excused([refused])
    server = run.sink.server
    server.refusals[refused] = f"550 <{refused}> is nobody here; you wrote: {BODY}"
    server.fail("message", f"451 {BODY}", f"451 {BODY}")
    server.fail("data", *[HANG_UP] * 4)
    run.stack.feeder.call(f"{_PRODUCT}.emails_to", addresses=[refused], subject=SUBJECT, plain_text=BODY)
    _ask(run, 40)
    return refused


def _worker_and_database_cut(run: Run) -> int:
    """In the middle of a burst. Returns how many e-mails may come twice: the worker's, that were on the wire."""
    run.sink.server.seconds_per_message = 0.1
    burst = run.load.emails_begin(100)
    run.sink.wait_for(run.ledger.domain, run.ledger.arrived() + 20)
    worker = max(run.stack.workers, key=run.stack.connections_in_use)
    on_the_wire = run.stack.connections_in_use(worker)
    worker.kill()
    if run.servers.postgresql is not None:
        run.servers.postgresql.cut()
    burst.wait()
    run.wait_until(run.ledger.is_quiet, what="the burst to end")
    return on_the_wire


def _strangers_ask(run: Run, person: dict[str, str]) -> None:
    """For what they may not see, with everything in their addresses and bodies that must not be told."""
    address, token, web = person["an address"], person["a confirmation's token"], run.load.web
    for path in (f"/confirm/MQ/{token}/", f"/unsubscribe/{token}/", f"/nothing/{address}/?token={run.load.secret}"):
        web.ask("GET", path)
        _post(run, path)
    _post(run, "/sign-in/", username=address, password=f"{PASSWORD}x")
    web.api("GET", f"/api/jobs/?cursor={address}", run.load.secret)
    web.ask("POST", "/api/jobs/fault-plain/", f"{{{address}".encode(), {"Authorization": f"Bearer {run.load.secret}"})
    web.ask("GET", "/", headers={"Host": address})
    run.stack.feeder.call(f"{_PRODUCT}.call_forged", address=address)
    run.wait_until(lambda: "TypeError" in _workers_log(run), what="the forged call to fail")


def _broker_restarted(run: Run) -> None:
    """While people sign up: what could not be sent to it is said, too."""
    with run.load.signing_up(every=0.1) as answers:
        run.servers.broker.kill()
        run.wait_until(lambda: len(answers) >= 10, what="ten sign-ups without a broker")
        run.servers.broker.start()
        run.wait_until(lambda: len(answers) >= 20, what="ten more sign-ups")


def _expect_that_it_was_said(run: Run, seen: Seen) -> None:
    """That nothing leaked says something only where something was written."""
    logs = {name: text for name, text in seen.texts.items() if "worker" in name}
    said = {
        "the log of web": ["request_finished", "/confirm/[token]", "user_sign_up_asked"],
        "events": ["task-received", "task-succeeded"],
        "messages in the broker": ["email_send", "job"],
    }
    for place, words in said.items():
        missing = [word for word in words if word not in seen.texts[place]]
        run.expect(not missing, f"{missing} is not in {place}: it was not read")
    for word in ("email_attempt_failed", "email_sent", "Traceback"):
        run.expect(any(word in text for text in logs.values()), f"no worker wrote {word}")


def _ask(run: Run, count: int) -> None:
    addresses = run.load.addresses(count)
    run.ledger.emails_noted(addresses)
    run.stack.feeder.call(f"{_PRODUCT}.emails_to", addresses=addresses, subject=SUBJECT, plain_text=BODY)


def _letter(run: Run, address: str) -> str | None:
    """The link in the e-mail to this address, if it has come."""
    for received in list(run.sink.arrivals):
        if address in received.recipients:
            text: Any = received.message.get_body(("plain",))
            found = _CONFIRM.search(text.get_content())
            return found.group() if found else None
    return None


def _post(run: Run, path: str, session: str = "", **form: str) -> Answer:
    cookies = f"csrftoken={_CSRF}; sessionid={session or secrets.token_hex(16)}"
    body = urlencode({"csrfmiddlewaretoken": _CSRF, **form}).encode()
    return run.load.web.ask("POST", path, body, {"Cookie": cookies, "Content-Type": _FORM})


def _workers_log(run: Run) -> str:
    return "".join(_log(run, worker.name) for worker in run.stack.workers)


def _log(run: Run, name: str) -> str:
    return run.stack.room.log(name).read_text(errors="replace")
