"""How much a mail server may be sent, and how we give way when it says that it is too much, or does not answer."""

from config import email_limits
from config.env import env
from config.settings.email_sending import EMAIL_SENDING_SERVERS

#: Messages per second and connections, of a server and of each domain at it, shared by all workers of all machines.
#: A limit of "*" is for each domain by itself that has none of its own.
EMAIL_LIMITS = email_limits.email_limits(env.str("EMAIL_LIMITS", default=""), servers=EMAIL_SENDING_SERVERS)

# -- When a server answers that it is too much (421, 451) --------------------------------------------------------------
#: Nobody sends to it for so long, at random up to half less, doubled each time that it says so in a row.
EMAIL_SLOW_DOWN_PAUSE_SECONDS = env.float("EMAIL_SLOW_DOWN_PAUSE_SECONDS", default=5)
EMAIL_SLOW_DOWN_PAUSE_MAX_SECONDS = env.float("EMAIL_SLOW_DOWN_PAUSE_MAX_SECONDS", default=300)
#: Then half as fast as before, and faster from second to second; after this time, at most, as if nothing had been.
EMAIL_SLOW_DOWN_RECOVERY_SECONDS = env.float("EMAIL_SLOW_DOWN_RECOVERY_SECONDS", default=60)

# -- When a server that has a fallback cannot be reached ---------------------------------------------------------------
#: After so many failures in a row its fallback sends, for this time. Then one e-mail tries whether it is back.
EMAIL_SERVER_DOWN_AFTER_FAILURES = env.int("EMAIL_SERVER_DOWN_AFTER_FAILURES", default=3, at_least=1)
EMAIL_SERVER_DOWN_SECONDS = env.float("EMAIL_SERVER_DOWN_SECONDS", default=60)
