"""Sending e-mail: the server, the patience, and what to do when nobody can know.

https://docs.djangoproject.com/en/5.2/topics/email/
"""

from config import mail_servers
from config.env import env

_server = mail_servers.server(env.str("EMAIL_URL", default="smtp://127.0.0.1:1025"), of="EMAIL_URL")
EMAIL_BACKEND = _server["BACKEND"]
EMAIL_HOST = _server.get("host", "localhost")
EMAIL_PORT = _server.get("port", 25)
EMAIL_HOST_USER = _server.get("username", "")
EMAIL_HOST_PASSWORD = _server.get("password", "")
EMAIL_USE_TLS = _server.get("use_tls", False)
EMAIL_USE_SSL = _server.get("use_ssl", False)
#: Seconds for each answer of the server. RFC 5321 4.5.3.2 would allow minutes; a worker has better things to do.
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT_SECONDS", default=15, at_least=1)

#: Seconds for the answer to the whole message. Longer, because a server that took it and is not heard gets it twice.
EMAIL_TIMEOUT_AFTER_DATA = env.int("EMAIL_TIMEOUT_AFTER_DATA_SECONDS", default=45, at_least=1)

#: Further servers by alias, each with its fallback: the alias that sends while it is down. An e-mail names its server.
EMAIL_SENDING_SERVERS = mail_servers.servers(
    env.str("EMAIL_SERVERS", default=""), fallbacks=env.str("EMAIL_FALLBACKS", default="")
)

#: Sender where an e-mail names none.
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Fieldnote <hello@example.com>")

# -- Kept connections --------------------------------------------------------------------------------------------------
EMAIL_CONNECTION_MAX_AGE_SECONDS = env.int("EMAIL_CONNECTION_MAX_AGE_SECONDS", default=300)
EMAIL_CONNECTION_MAX_MESSAGES = env.int("EMAIL_CONNECTION_MAX_MESSAGES", default=100, at_least=1)
#: A connection that was idle for longer is asked whether it still works (NOOP) before it is used.
EMAIL_CONNECTION_MAX_IDLE_SECONDS = env.int("EMAIL_CONNECTION_MAX_IDLE_SECONDS", default=30)

# -- Attempts ----------------------------------------------------------------------------------------------------------
#: How long a worker may hold an e-mail. Longer than the hard time limit of its task.
EMAIL_SENDING_LEASE_SECONDS = env.int("EMAIL_SENDING_LEASE_SECONDS", default=120, at_least=1)
#: Seconds for all that is said to hand over one e-mail, or to open a connection, however the server's answers trickle.
#: Well below the lease, at whose end another worker sends it; so it can be no setting of its own.
EMAIL_TIMEOUT_CONVERSATION = 0.6 * EMAIL_SENDING_LEASE_SECONDS
#: Attempts that could not even connect do not count: that is not the e-mail's fault, and its age bounds them.
EMAIL_SENDING_MAX_ATTEMPTS = env.int("EMAIL_SENDING_MAX_ATTEMPTS", default=10, at_least=1)
#: No further attempt when the first one failed longer ago than this.
EMAIL_SENDING_MAX_AGE_SECONDS = env.int("EMAIL_SENDING_MAX_AGE_SECONDS", default=60 * 60 * 48)
#: Before attempt n + 1 passes a random time between 0 and min(maximum, base * 2 ** (n - 1)) seconds (full jitter).
EMAIL_SENDING_BACKOFF_SECONDS = env.int("EMAIL_SENDING_BACKOFF_SECONDS", default=30)
EMAIL_SENDING_BACKOFF_MAX_SECONDS = env.int("EMAIL_SENDING_BACKOFF_MAX_SECONDS", default=60 * 60)
#: A due e-mail that nobody claimed is woken again after this time: its message was lost, or waits in a long queue.
EMAIL_SENDING_WAKE_AGAIN_SECONDS = env.int("EMAIL_SENDING_WAKE_AGAIN_SECONDS", default=30)
#: A sweep brings the queue to this length at most, so that a long backlog is not published again and again.
EMAIL_SENDING_SWEEP_LIMIT = env.int("EMAIL_SENDING_SWEEP_LIMIT", default=5000, at_least=1)
#: More than so many e-mails that were left behind are a burst's work; fewer are woken one by one.
EMAIL_SENDING_BURST_FROM = env.int("EMAIL_SENDING_BURST_FROM", default=20)
#: When a worker dies, or the server falls silent, between the end of the message and the answer, nobody can know
#: whether it was taken. "resend": may arrive twice, with one Message-ID; a server that falls silent again does not
#: get it a third time. "hold": ends in FAILED, for a person to decide.
EMAIL_SENDING_UNKNOWN_OUTCOME = env.str("EMAIL_SENDING_UNKNOWN_OUTCOME", default="resend")

# -- Bursts: many at once ----------------------------------------------------------------------------------------------
#: Connections of one worker process, each in its own thread. At most so many e-mails are in doubt when it is killed.
EMAIL_SENDING_CONNECTIONS = env.int("EMAIL_SENDING_CONNECTIONS", default=8, at_least=1)
#: A burst ends after this time and lets other tasks have its place; what is left is the next one's.
EMAIL_SENDING_BURST_SECONDS = env.float("EMAIL_SENDING_BURST_SECONDS", default=5, at_least=0.1)

# -- Limits and clean-up -----------------------------------------------------------------------------------------------
EMAIL_ATTACHMENTS_MAX_BYTES = env.int("EMAIL_ATTACHMENTS_MAX_BYTES", default=10 * 1024 * 1024)
EMAIL_KEEP_ENDED_DAYS = env.int("EMAIL_KEEP_ENDED_DAYS", default=90)
EMAIL_KEEP_FAILED_DAYS = env.int("EMAIL_KEEP_FAILED_DAYS", default=365)

# -- Faults on purpose, for demonstrations and tests; the deploy check refuses them ------------------------------------
EMAIL_SENDING_FAILURE_TRIGGER = env.bool("EMAIL_SENDING_FAILURE_TRIGGER", default=False)
#: Between 0 and 1: which share of the attempts fails for a while.
EMAIL_SENDING_FAILURE_RATE = env.float("EMAIL_SENDING_FAILURE_RATE", default=0.2, at_most=1)
