"""After a run of everything: no address, no body, no token and no secret stands where it does not belong."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from django.contrib.auth.hashers import make_password

from config.tests.security.forging import task_forge
from config.tests.security.leaks import Seen
from config.tests.security.processes import beat_start, events_heard, web_start
from styleguide_example.announcements.models import Announcement
from styleguide_example.api.tokens import token_create
from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue, Worker, wait_until
from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_queue
from styleguide_example.emails.tasks import email_send as email_send_task
from styleguide_example.emails.tests.factories import EmailFactory
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.embedded import journey
from styleguide_example.jobs.models import Job
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = [pytest.mark.long, pytest.mark.processes, pytest.mark.no_services, pytest.mark.django_db(transaction=True)]

ADA = journey.Person(name="Ada Marigold", address="ada.marigold@example.com", password="Ada-Periwinkle-7431")
GRACE = "grace.larkspur@example.com"
GRACES_PASSWORD = "Grace-Foxglove-9652"
REFUSED = "refused.hyacinth@example.com"
BODY = "Nobody but the reader should read: snapdragon."
SUBJECT = "Delphinium is coming"
MAIL_PASSWORD = "Mail-Columbine-2816"
SECRET_KEY = "a-key-of-this-test-alone-Aquilegia-0123456789-abcdefghijklmnopqrstuvwxyz"
REPLY = f"550 <{REFUSED}> is nobody here; you wrote: {BODY}"


@pytest.fixture
def stack(worker: Worker) -> Iterator[ExitStack]:
    """Processes that are ended one after the other, and an environment with a key of its own.

    The web server waits half a second for the broker, and leaves what it could not send to the sweep: soon, here.
    """
    soon = {"JOB_WAKE_AGAIN_SECONDS": "3", "EMAIL_SENDING_WAKE_AGAIN_SECONDS": "3"}
    worker.environment |= {"SECRET_KEY": SECRET_KEY, **soon}
    with ExitStack() as running:
        yield running


class TestRun:
    def test_leaves_no_secret_where_it_does_not_belong(
        self, worker: Worker, queue: Queue, smtp: SMTPServer, stack: ExitStack
    ) -> None:
        seen = Seen()
        admin = user_onboarded(email=GRACE, password=make_password(GRACES_PASSWORD), is_staff=True, is_superuser=True)
        periodic_tasks_sync(entries=TIMETABLE)
        web, url = web_start(worker.environment)
        stack.callback(web.stop)

        browser = journey.person_sign_up(base_url=url, person=ADA)
        seen.texts["messages in the broker"] = _messages()
        confirmation = _confirmation_arrives(stack, worker, smtp, seen)

        link = _onboard(browser, url, confirmation)
        secret = token_create(user=admin, name="export", days=1).secret
        unsubscribe = _announce(url, secret, smtp)
        _go_wrong(url, link, secret, unsubscribe)
        task_forge(email_send_task.name, kwargs={"email_id": ADA.address})
        worker.processes[0].wait_for_line("TypeError")
        seen.texts["answers of the API to somebody else"] = _answers_to_another(url)
        _mail_password_refused(worker, smtp)

        seen.secrets = {
            "an address": ADA.address,
            "the address of staff": GRACE,
            "an address that was refused": REFUSED,
            "a password": ADA.password,
            "a password of staff": GRACES_PASSWORD,
            "a name": ADA.name,
            "a body": BODY,
            "a subject": SUBJECT,
            "a confirmation's token": link.split("/")[-2],
            "a link to unsubscribe": unsubscribe.split("/")[-2],
            "a token of the API": secret,
            "a session": _session(browser),
            "the password of the mail server": MAIL_PASSWORD,
            "the secret key": SECRET_KEY,
        }
        stack.close()
        seen.texts |= {"the log of the web server": web.output} | {
            f"the log of worker {number}": process.output for number, process in enumerate(worker.processes)
        }
        seen.texts["rows that staff read"] = _reasons()

        _everything_was_said(seen)
        assert not seen.leaks(), "\n\n".join(seen.leaks())


def _confirmation_arrives(stack: ExitStack, worker: Worker, smtp: SMTPServer, seen: Seen) -> str:
    """Start what works, listening to it, and return the text of the e-mail that arrives."""
    heard = stack.enter_context(events_heard())
    beat = beat_start(worker.environment)
    stack.callback(lambda: seen.texts.update({"events": "\n".join(heard), "the log of beat": beat.output}))
    stack.callback(beat.stop)
    worker.start(EMAIL_SENDING_BACKOFF_SECONDS=0)
    wait_until(lambda: bool(celery_app.control.enable_events(reply=True, timeout=1)))
    email_send_task.wake(kwargs={"email_id": Email.objects.get().pk})  # its message was taken out to be read
    (received,) = smtp.wait_for(1)
    return _plain(received.message)


def _messages() -> str:
    """What lies in the broker while nobody takes it."""
    messages = messages_take(celery_app)
    if not messages:  # the broker was too slow for the web server, which leaves it to the sweep
        email_send_task.wake(kwargs={"email_id": Email.objects.get().pk})
        messages = messages_take(celery_app)
    assert messages
    return "\n".join(repr((message.headers, message.properties, message.payload)) for message in messages)


def _onboard(browser: journey.Browser, url: str, text: str) -> str:
    found = re.search(r"https?://\S+/confirm/\S+", text)
    assert found, text
    link = url + urlsplit(found[0]).path
    page = browser.get(link)
    for _ in range(journey.PAGES_MAX):
        if page.path == "/home/":
            break
        page = browser.submit(page, {"password": ADA.password, "text": ADA.name})
    assert page.path == "/home/"
    return link


def _announce(url: str, secret: str, smtp: SMTPServer) -> str:
    """Write to everybody, one of whom the server refuses, by the admin and the API. Returns Ada's link to leave."""
    user_onboarded(email=REFUSED)
    smtp.refusals[REFUSED] = REPLY
    staff = journey.admin_sign_in(base_url=url, address=GRACE, password=GRACES_PASSWORD)
    answers = {"subject": SUBJECT, "body": BODY, "audience": "everyone", "_save": "Save"}
    staff.submit(staff.get(f"{url}/admin/announcements/announcement/add/"), answers)
    journey.schedule_edit(browser=staff, base_url=url, name=TIMETABLE[1].name, cron_line="7 4 * * *")
    announcement = Announcement.objects.get()
    started = _session_of(secret).post(
        f"{url}/api/jobs/announcement-send/", json={"announcement_id": announcement.pk}, timeout=20
    )
    assert started.status_code == 202
    assert _session_of(secret).get(f"{url}/api/jobs/{started.json()['id']}/", timeout=20).status_code == 200
    wait_until(lambda: Email.objects.filter(to=[REFUSED], status=EmailStatus.FAILED).exists())
    wait_until(lambda: any(ADA.address in one.recipients and SUBJECT in one.data.decode() for one in smtp.received))
    for page in (
        "/admin/emails/email/",
        f"/admin/emails/email/?q={quote(ADA.address)}",
        "/admin/users/user/?q=ada.marigold",
    ):
        staff.get(url + page)
    text = Email.objects.get(to=[ADA.address], subject=SUBJECT).plain_text
    found = re.search(r"https?://\S+(/unsubscribe/\S+)", text)
    assert found, text
    link = url + found[1]
    assert requests.post(link, {"List-Unsubscribe": "One-Click"}, timeout=20).status_code == 200
    return link


def _go_wrong(url: str, link: str, secret: str, unsubscribe: str) -> None:
    """All that a stranger, a client or a row that was written by hand can do to make us say more than we should."""
    stranger = _session_of("")
    stranger.get(link, timeout=20)
    stranger.get(f"{unsubscribe}x", timeout=20)
    stranger.get(f"{url}/sign-in/?email={quote(ADA.address)}&next=/{quote(ADA.address)}/", timeout=20)
    stranger.post(f"{url}/sign-in/", {"username": ADA.address, "password": ADA.password}, timeout=20)
    stranger.get(f"{url}/nothing/{ADA.address}/?token={secret}", timeout=20)
    stranger.get(url, headers={"Host": f"{ADA.address}"}, timeout=20)
    _session_of(secret).post(f"{url}/api/jobs/announcement-send/", data=f"{{{ADA.address}", timeout=20)
    _session_of(secret).get(f"{url}/api/jobs/?cursor={quote(ADA.address)}", timeout=20)
    wrong = journey.Browser()
    wrong.submit(wrong.get(f"{url}/sign-in/"), {"username": ADA.address, "password": f"{ADA.password}x"})
    path = urlsplit(link).path
    for line in (f"GET {path} HTTP/9.9", f"GET {path} nonsense", f"GET  {path}", f"G\x00T {path} HTTP/1.1"):
        _raw(url, f"{line}\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n\r\n")
    _raw(url, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie\x00: {secret}\r\nAuthorization {secret}\r\n\r\n")
    broken = EmailFactory.create(to=[ADA.address], subject=SUBJECT, html=f"<p>{BODY}</p>", plain_text=BODY)
    Email.objects.filter(pk=broken.pk).update(to=[f"Ada <{ADA.address}> and {REFUSED}"])
    email_queue(email=broken)
    wait_until(lambda: Email.objects.filter(pk=broken.pk, status=EmailStatus.FAILED).exists())


def _answers_to_another(url: str) -> str:
    """All that the API tells somebody whose it is not."""
    other = token_create(user=user_onboarded(email="other@example.com"), name="other", days=1).secret
    job = Job.objects.get()
    paths = ["", "jobs/", "jobs/kinds/", f"jobs/{job.pk}/", f"jobs/?parent={job.pk}", "schema/", "nothing/"]
    client = _session_of(other)
    answers = [client.get(f"{url}/api/{path}", timeout=20) for path in paths]
    answers += [client.post(f"{url}/api/jobs/{job.pk}/{act}/", timeout=20) for act in ("cancel", "retry")]
    return "\n".join(f"{dict(answer.headers)} {answer.text}" for answer in answers)


def _mail_password_refused(worker: Worker, smtp: SMTPServer) -> None:
    """A worker whose mail server does not let it in."""
    for process in worker.processes:
        process.stop()
    process = worker.start(EMAIL_URL=f"smtp://mailer%40example.com:{MAIL_PASSWORD}@127.0.0.1:{smtp.port}")
    email_queue(email=EmailFactory.create(to=[ADA.address], subject=SUBJECT, plain_text=BODY))
    process.wait_for_line("email_attempt_failed")
    process.stop()


def _everything_was_said(seen: Seen) -> None:
    """That nothing leaked means something only where something was written."""
    for place, words in {
        "the log of the web server": ["request_finished", "/confirm/[token]", "user_sign_up_asked"],
        "the log of worker 0": ["email_sent", "email_attempt_failed", "Traceback", "announcement"],
        "the log of beat": ["Starting"],
        "events": ["task-received", "task-succeeded"],
        "messages in the broker": [email_send_task.name],
        "answers of the API to somebody else": ["There is nothing at this address."],
    }.items():
        for word in words:
            assert word in seen.texts[place], f"{word} is missing in {place}:\n{seen.texts[place]}"


def _reasons() -> str:
    """Why jobs and runs of schedules failed, as it is kept. (Of an e-mail staff see the addresses beside it.)"""
    columns: list[Any] = [
        *Job.objects.values_list("error_message", "traceback"),
        *ScheduleRun.objects.values_list("error", flat=True),
    ]
    return "\n".join(map(str, columns))


def _plain(message: Any) -> str:
    return str(message.get_body(("plain",)).get_content())


def _session_of(secret: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    if secret:
        session.headers["Authorization"] = f"Bearer {secret}"
    return session


def _session(browser: journey.Browser) -> str:
    """The cookie of somebody who is signed in."""
    opener: Any = browser._opener
    (jar,) = [handler.cookiejar for handler in opener.handlers if hasattr(handler, "cookiejar")]
    return next(str(cookie.value) for cookie in jar if cookie.name == "sessionid")


def _raw(url: str, text: str) -> None:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.sendall(text.encode())
        connection.settimeout(5)
        connection.recv(1000)
