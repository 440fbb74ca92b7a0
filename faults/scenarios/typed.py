"""What people type that wants to be more than text: headers, templates, markup."""

import re
from collections import defaultdict
from typing import Any
from urllib.parse import urlencode

from config.tests.security.hostile import HARMLESS, HOSTILE, Shape, message_form
from faults.errors import FaultsError
from faults.profiles import LEASE_SECONDS, SWEEP_SECONDS
from faults.scenario import Outcome, Run, scenario
from faults.web import Answer
from styleguide_example.emails.tests.smtp_server import Received

RECOVERY_SECONDS = LEASE_SECONDS + 2 * SWEEP_SECONDS
NAME, ANNOUNCEMENT = "name in the welcome", "announcement"
#: These fields are for this: a header's own name, the type of a part.
_ITS_OWN = {"name of a header": "headers", "type of an attachment": "parts"}
_PRODUCT = "faults.product.typing_people"
_FORM = "application/x-www-form-urlencoded"
_ADD = "/admin/announcements/announcement/add/"
_ANNOUNCEMENT = "SELECT max(id) FROM announcements_announcement"
_CSRF = "a" * 32


@scenario(
    "X2",
    title="People type what wants to be more than text",
    load=f"{len(HOSTILE)} values in each field that reaches an e-mail, and a sign-up every 0.1 s",
    fresh_database=True,  # one of the staff alone gets what an admin writes to the staff
)
def typed_to_be_more(run: Run) -> Outcome:
    """Header lines, templates and markup as a name, an address, an announcement, and in what developers pass on.

    Each is refused with nothing written, or comes in a message of the form that a harmless one has, as text.
    """
    sent: dict[str, tuple[str, str]] = {}  # the field and the value, by the address
    refused, since = 0, len(run.sink.arrivals)
    fields = run.stack.feeder.call(f"{_PRODUCT}.fields")
    with run.load.signing_up(every=0.1) as answers:
        refused += _names_typed(run, sent)
        refused += _addresses_typed(run)
        for field in fields:
            for value in (HARMLESS, *HOSTILE):
                (to,) = run.load.addresses(1)
                if run.stack.feeder.call(f"{_PRODUCT}.typed", field=field, value=value, to=to):
                    run.ledger.emails_noted([to])
                    sent[to] = field, value
                else:
                    refused += 1
        _announced(run, sent)
    run.fault_ended()
    run.recovered()
    run.expect(all(answer.status == 302 for answer in answers), "a sign-up failed")
    _expect_forms(run, sent)
    _expect_only_those_asked(run, since)
    return run.outcome(
        recovered_at_most=RECOVERY_SECONDS,
        seen=f"{refused} values were refused, {len(sent)} came as text, in messages of the form of a harmless one.",
    )


def _names_typed(run: Run, sent: dict[str, tuple[str, str]]) -> int:
    """By the page on which people say what they are called. Returns how many were refused."""
    values = [value for value in (HARMLESS, *HOSTILE) if _can_be_sent(value)]
    people = run.stack.feeder.call(f"{_PRODUCT}.people_confirmed", addresses=run.load.addresses(len(values)))
    refused = 0
    for (address, session), value in zip(people.items(), values, strict=True):
        _posted(run, "/onboarding/", session, full_name=value)
        name = run.stack.feeder.call(f"{_PRODUCT}.name_of", address=address)
        if not name:
            refused += 1
            continue
        answer = _posted(run, "/onboarding/", session, time_zone="UTC")
        run.expect(answer.status == 302, f"onboarding ended with {answer.status}")
        run.ledger.emails_noted([address])
        sent[address] = NAME, name
    run.expect(refused >= 10, f"only {refused} names were refused")
    return refused


def _addresses_typed(run: Run) -> int:
    """At sign-up. One that is taken is the address of somebody, to whom alone is written."""
    statuses = []
    for number, value in enumerate(filter(_can_be_sent, HOSTILE)):
        for address in (f"{value}@{run.ledger.domain}", f"typed{number}@{run.ledger.domain}{value}"):
            answer = run.load.web.sign_up(address)
            statuses.append(answer.status)
            if answer.status == 302:
                run.ledger.emails_unsure([address.strip().lower()])
    run.expect(set(statuses) <= {200, 302}, f"addresses were answered with {set(statuses)}")
    return statuses.count(200)


def _announced(run: Run, sent: dict[str, tuple[str, str]]) -> None:
    """An admin writes to the staff, by the pages and the API: first something harmless, then all of it at once."""
    lines = [value for value in HOSTILE if value.isprintable()]  # a form takes no others
    letters = [(HARMLESS, HARMLESS), *((line, "\n\n".join(lines)) for line in lines if "{" in line or "<" in line)]
    (writer,) = run.load.addresses(1)
    people = run.stack.feeder.call(f"{_PRODUCT}.people_confirmed", addresses=[writer], is_staff=True)
    for number, (subject, body) in enumerate(letters):
        answer = _posted(
            run, _ADD, people[writer], subject=subject, body=body, audience="staff", _save="Save", version=""
        )
        if answer.status != 302:
            raise FaultsError(f"The announcement {subject!r} was answered with {answer.status}.")
        key = int(run.database.value(_ANNOUNCEMENT))
        run.expect(_sent(run, key, people[writer]), "an announcement was not sent")
        run.ledger.emails_noted([writer])
        run.wait_until(lambda least=number + 1: _letters(run, writer) >= least, what="the announcement")  # type: ignore[misc]
    sent[writer] = ANNOUNCEMENT, HARMLESS


def _sent(run: Run, key: int, session: str) -> bool:
    """Ask for it on the page that says whom it goes to, as a person does who has read that."""
    path = f"/admin/announcements/announcement/{key}/send/"
    page = run.load.web.ask("GET", path, headers={"Cookie": f"sessionid={session}"})
    version = re.search(rb'name="version" value="([^"]*)"', page.body)
    answer = _posted(run, path, session, version=version.group(1).decode() if version else "")
    return answer.headers.get("location", "").endswith("/progress/")


def _expect_forms(run: Run, sent: dict[str, tuple[str, str]]) -> None:
    """Each field's messages have the form of its harmless one."""
    arrived = [each for each in list(run.sink.arrivals) if each.recipients and each.recipients[0] in sent]
    of_each = [(*sent[received.recipients[0]], received) for received in arrived]
    usual = {field: _form(received, field) for field, value, received in of_each if value == HARMLESS}
    others = defaultdict(list)
    for field, value, received in of_each:
        form = _form(received, field)
        changed = {name: (form[name], usual[field][name]) for name in form if form[name] != usual[field][name]}
        if changed:
            others[field].append(f"{value!r}: {changed}")
        if field == NAME:
            run.expect(_shows(received, value), f"the welcome does not show {value!r} as it was typed")
    for field, changed_ones in others.items():
        run.problems.append(f"{field}: {len(changed_ones)} came in another form, first {changed_ones[0]}")
    run.expect(len(usual) >= 10, f"only {len(usual)} fields came")


def _form(received: Received, field: str) -> dict[str, Any]:
    """Everything about a message but what it says, whom it is for, and what this field is for."""
    form = message_form(received)
    (to,) = received.recipients
    form |= {"envelope": received.sender, "recipients": [address == to for address in form["recipients"]]}
    if field in _ITS_OWN:
        form[_ITS_OWN[field]] = []
    if field == ANNOUNCEMENT:  # Markdown: a list or a heading is what it is for
        form |= {"tags": [], "leads": sorted({lead for lead in form["leads"] if not lead.startswith("mailto:")})}
        html = received.message.get_body(("html",))
        tags = Shape(html.get_content()).tags if html is not None else []
        form["scripts"] = [tag for tag in tags if tag.startswith(("script", "img", "iframe", "style")) or "'on" in tag]
    return form


def _shows(received: Received, value: str) -> bool:
    """Whether both parts show the text as it was typed."""
    html, text = received.message.get_body(("html",)), received.message.get_body(("plain",))
    if html is None or text is None:
        return False
    return value in Shape(html.get_content()).text and value in text.get_content()


def _expect_only_those_asked(run: Run, since: int) -> None:
    """Nobody else gets anything."""
    arrived = run.sink.arrivals[since:]
    strangers = {to for received in arrived for to in received.recipients if not to.endswith(run.ledger.domain)}
    run.expect(not strangers, f"somebody else got an e-mail: {', '.join(sorted(strangers)[:3])}")


def _letters(run: Run, address: str) -> int:
    return sum(address in received.recipients for received in list(run.sink.arrivals))


def _posted(run: Run, path: str, session: str, **form: str) -> Answer:
    headers = {"Cookie": f"csrftoken={_CSRF}; sessionid={session}", "Content-Type": _FORM}
    return run.load.web.ask("POST", path, urlencode({"csrfmiddlewaretoken": _CSRF, **form}).encode(), headers)


def _can_be_sent(value: str) -> bool:
    """Half a character has no bytes: no browser sends it."""
    return value.isprintable() or not any("\ud800" <= letter <= "\udfff" for letter in value)
