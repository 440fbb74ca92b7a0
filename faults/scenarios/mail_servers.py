"""Mail servers that are away, say no, hang up, fall silent, are slow, or cannot prove who they are."""

from faults.answers import REQUEST_SECONDS, slowest
from faults.profiles import LEASE_SECONDS
from faults.rows import email_rows, failed_attempts
from faults.scenario import Outcome, Run, scenario
from styleguide_example.emails.tests.certificates import certificate_new
from styleguide_example.emails.tests.smtp_server import (
    HANG_UP,
    SILENCE,
    TAKEN_THEN_HANG_UP,
    TAKEN_THEN_SILENCE,
    TAKEN_THEN_TRICKLE,
    TRICKLE,
    SMTPServer,
)
from styleguide_example.embedded.environment import HOST

#: The longest back-off, and a sweep.
BACKOFF_SECONDS = 4 + 6
#: After "too much" everybody pauses, and goes on slowly.
SLOW_DOWN_SECONDS = 30
_LOAD = "100 e-mails in bursts, 20 with a message each"
BEFORE_THE_MESSAGE = ("connect", "ehlo", "mail", "rcpt", "data", "body")


@scenario("E10a", title="The mail server is away", load="300 e-mails in bursts, 30 with a message each")
def mail_server_refuses_connections(run: Run) -> Outcome:
    """Nobody listens at its port, until fifty attempts have failed."""
    with run.sink.down():
        run.load.emails(300)
        run.load.emails(30, door="queue")
        run.wait_until(lambda: len(_failed(run)) >= 50, what="fifty attempts that could not connect")
    run.fault_ended()
    run.recovered()
    phases = {phase for phase, _ in _failed(run)}
    run.expect(phases == {"connect"}, f"attempts failed in {phases}")
    return run.outcome(recovered_at_most=BACKOFF_SECONDS, seen="All e-mails came when the server was back.")


@scenario("E10b", title='The mail server says "not now"', load=_LOAD)
def mail_server_says_not_now(run: Run) -> Outcome:
    """421 and 451 at each step of the dialogue, three times each, then 250."""
    server = run.sink.server
    for step in ("connect", "mail", "rcpt", "data", "message"):
        server.fail(step, *(["421 4.3.2 shutting down"] if step in {"connect", "mail"} else ["451 4.3.0 later"]) * 3)
    run.load.emails(100)
    run.load.emails(20, door="queue")
    _all_said(run)
    run.recovered()
    return run.outcome(recovered_at_most=SLOW_DOWN_SECONDS, seen="All e-mails came, the first ones seconds late.")


@scenario("E10c", title='The mail server says "never"', load="60 e-mails in bursts, 20 with a message each")
def mail_server_says_never(run: Run) -> Outcome:
    """550 for every fourth recipient, 553 for the sender and 554 for the message, three times each."""
    server = run.sink.server
    bursts, singly = run.load.addresses(60), run.load.addresses(20)
    refused = [*bursts[::4], *singly[::4]]
    server.refusals.update(dict.fromkeys(refused, "550 5.1.1 nobody of that name"))
    server.fail("mail", *["553 5.1.8 not from you"] * 3)
    server.fail("message", *["554 5.7.1 not that"] * 3)
    run.load.emails_to(bursts).wait()
    run.load.emails_to(singly, door="queue").wait()
    run.fault_ended()
    run.recovered()
    failed = email_rows(run.database, run.ledger.domain, among=["failed"])
    addresses = {address for row in failed for address in row.to}
    run.ledger.emails_excused(addresses)
    run.expect(addresses.issuperset(refused), "an e-mail to an address that nobody has did not fail")
    # A 553 for the sender may be said to one whose recipient is refused anyway.
    run.expect(3 <= len(failed) - len(refused) <= 6, f"{len(failed)} e-mails failed")
    came = addresses & {address for address, _ in run.sink.copies(run.ledger.domain)}
    run.expect(not came, f"{len(came)} e-mails are FAILED and came")
    run.expect({row.attempts for row in failed} == {1}, "one that was refused for good was tried again")
    seen = f"{len(failed)} e-mails are FAILED with the server's words beside them; the others came."
    return run.outcome(recovered_at_most=BACKOFF_SECONDS, seen=seen)


@scenario("E10d", title="Some of several recipients are refused", load="40 e-mails to three people each")
def some_recipients_refused(run: Run) -> Outcome:
    """Of each e-mail one recipient is accepted, one refused for now, and one for good."""
    groups = [run.load.addresses(3) for _ in range(40)]
    for _, later, never in groups:
        run.sink.server.refusals.update({later: "450 4.2.1 come back", never: "550 5.1.1 nobody of that name"})
    run.stack.feeder.call("faults.product.mail_servers.emails_to_several", groups=groups)
    run.ledger.emails_noted(address for group in groups for address in group[:2])
    run.sink.wait_for(run.ledger.domain, len(groups))
    for _, later, _ in groups:
        del run.sink.server.refusals[later]
    run.fault_ended()
    run.recovered()
    sent = email_rows(run.database, run.ledger.domain, among=["sent"])
    run.expect(len(sent) == len(groups), f"{len(sent)} of {len(groups)} e-mails are SENT")
    return run.outcome(
        recovered_at_most=BACKOFF_SECONDS, seen="Each who could be reached got it once; the row says who could not be."
    )


@scenario("E10e", title="The mail server hangs up in each phase", load=_LOAD)
def mail_server_hangs_up(run: Run) -> Outcome:
    """It closes the connection three times at each step, before it has taken a message and between two messages."""
    server = run.sink.server
    for step in (*BEFORE_THE_MESSAGE, "message", "next", "rset"):
        server.fail(step, *[HANG_UP] * 3)
    refused = run.load.addresses(6)  # after a no, the connection is made ready for the next one by RSET
    server.refusals.update(dict.fromkeys(refused, "550 5.1.1 nobody of that name"))
    run.load.emails_to(refused).wait()
    run.ledger.emails_excused(refused)
    run.load.emails(100)
    run.load.emails(20, door="queue")
    _all_said(run)
    run.recovered()
    return run.outcome(recovered_at_most=BACKOFF_SECONDS, seen="All e-mails came once, some of them seconds late.")


@scenario("E10f", title="The mail server falls silent in each phase", load=_LOAD)
def mail_server_falls_silent(run: Run) -> Outcome:
    """Twice at each step it says nothing more and holds the connection; it had not taken the message."""
    server = run.sink.server
    for step in (*BEFORE_THE_MESSAGE, "message"):
        server.fail(step, *[SILENCE] * 2)
    run.load.emails(100)
    run.load.emails(20, door="queue")
    _all_said(run)
    run.recovered()
    return run.outcome(
        recovered_at_most=LEASE_SECONDS + BACKOFF_SECONDS, seen="All e-mails came once, some of them seconds late."
    )


@scenario("E10g", title="Silence after the message, to be resent", load="60 e-mails in bursts, 8 with a message each")
def silence_after_the_message_resent(run: Run) -> Outcome:
    """The server takes eight messages and does not say so: silent, gone, or muttering. Nobody can know."""
    kept = _takes_without_a_word(run)
    run.load.emails(60)
    run.load.emails(8, door="queue")
    _all_said(run)
    run.recovered()
    failed = email_rows(run.database, run.ledger.domain, among=["failed"])
    run.expect(not failed, f"{len(failed)} e-mails were given up")
    return run.outcome(
        duplicates_at_most=kept,
        recovered_at_most=LEASE_SECONDS + BACKOFF_SECONDS,
        seen=f"{kept} e-mails came twice, with one Message-ID.",
    )


@scenario(
    "E10h",
    title="Silence after the message, to be held",
    load="60 e-mails in bursts, 8 with a message each",
    EMAIL_SENDING_UNKNOWN_OUTCOME="hold",
)
def silence_after_the_message_held(run: Run) -> Outcome:
    """The same, and twice it had not taken the message: a person asks its operator, and sends those again."""
    kept = _takes_without_a_word(run)
    run.sink.server.fail("message", *[SILENCE] * 2)
    run.load.emails(60)
    run.load.emails(8, door="queue")
    _all_said(run)
    run.recovered()
    held = email_rows(run.database, run.ledger.domain, among=["failed"])
    run.expect(len(held) == kept + 2, f"{len(held)} are held for a person, {kept + 2} expected")
    run.expect({row.error_kind for row in held} == {"unknown_outcome"}, "a row does not say why it is held")
    arrived = {address for address, _ in run.sink.copies(run.ledger.domain)}
    missing = [row.id for row in held if not arrived.issuperset(row.to)]
    run.stack.feeder.call("faults.product.mail_servers.emails_retry", ids=missing)
    run.recovered()
    return run.outcome(
        recovered_at_most=LEASE_SECONDS + BACKOFF_SECONDS,
        seen=f"{len(held)} e-mails were FAILED and said why; {len(missing)} had not come and were retried by hand.",
    )


@scenario("E10i", title="The mail server cannot prove who it is", load="30 e-mails by a server with STARTTLS")
def mail_server_without_proof(run: Run) -> Outcome:
    """Its certificate is signed by a stranger, then of another name, then it offers no TLS; at last all is well."""
    directory, port = run.stack.room.directory, run.stack.room.port()
    authority = certificate_new(directory, "authority", host="authority.example")
    wrong = {
        "unknown": certificate_new(directory, "unknown"),
        "elsewhere": certificate_new(directory, "elsewhere", host="mail.example", authority=authority),
        "plain": None,
    }
    run.stack.restart(EMAIL_SERVERS=f"secure=smtp+tls://{HOST}:{port}", SSL_CERT_FILE=authority)
    try:
        for number, (name, certificate) in enumerate(wrong.items()):
            with SMTPServer(port, certificate=certificate) as server:
                _ask_securely(run, 10)
                run.wait_until(
                    lambda least=10 * (number + 1): len(_failed(run)) >= least or server.commands["MAIL"] > 0,  # type: ignore[misc]
                    what="ten attempts to fail",
                )
                run.expect(not server.commands["MAIL"], f"an e-mail was begun with a server that is {name}")
        with SMTPServer(port, certificate=certificate_new(directory, "right", authority=authority)) as server:
            server.received = run.sink.arrivals
            run.fault_ended()
            run.recovered()
        return run.outcome(recovered_at_most=BACKOFF_SECONDS, seen="Nothing left in the clear; all came at last.")
    finally:
        run.stack.restart()


@scenario("E10j", title="The mail server is slow", load="80 e-mails in bursts, 8 with a message each, and sign-ups")
def mail_server_is_slow(run: Run) -> Outcome:
    """A second for a message and a fifth for a command; six of its answers come byte by byte without an end."""
    server = run.sink.server
    server.seconds_per_command, server.seconds_per_message = 0.2, 1.0
    for step in ("ehlo", "rcpt", "data"):
        server.fail(step, *[TRICKLE] * 2)
    with run.load.signing_up(every=0.2) as answers:
        run.load.emails(80)
        run.load.emails(8, door="queue")
        run.wait_until(lambda: run.ledger.arrived() >= 60, what="sixty e-mails")
    server.seconds_per_command = server.seconds_per_message = 0.0
    run.fault_ended()
    run.recovered()
    took = slowest(answers)
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    run.expect(took <= REQUEST_SECONDS, f"a sign-up took {took:.1f} s")
    seen = f"E-mails came late and once; signing up took {took:.2f} s at most."
    return run.outcome(recovered_at_most=LEASE_SECONDS + BACKOFF_SECONDS, seen=seen)


def _ask_securely(run: Run, count: int) -> None:
    addresses = run.load.addresses(count)
    groups = [[address] for address in addresses]
    run.stack.feeder.call("faults.product.mail_servers.emails_to_several", groups=groups, server="secure")
    run.ledger.emails_noted(addresses)


def _takes_without_a_word(run: Run) -> int:
    """Script it, and return how many messages it will take so."""
    answers = [TAKEN_THEN_SILENCE, TAKEN_THEN_HANG_UP] * 3 + [TAKEN_THEN_TRICKLE] * 2
    run.sink.server.fail("message", *answers)
    return len(answers)


def _all_said(run: Run) -> None:
    """Return when each scripted answer was given: the fault's end. While some are left, more e-mails are asked for."""
    while True:
        run.wait_until(lambda: not _left_to_say(run) or run.ledger.is_quiet(), what="the scripted answers", seconds=90)
        if not _left_to_say(run):
            break
        run.load.emails(4, door="queue")
    run.fault_ended()


def _left_to_say(run: Run) -> int:
    return sum(len(answers) for answers in list(run.sink.server.script.values()))


def _failed(run: Run) -> list[tuple[str, str]]:
    return failed_attempts(run.database, run.ledger.domain)
