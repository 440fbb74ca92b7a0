"""Sign-up, sign-in and the links in between."""

from config.env import env

#: Seconds that the link in a confirmation e-mail works, once.
#: https://docs.djangoproject.com/en/5.2/ref/settings/#password-reset-timeout
PASSWORD_RESET_TIMEOUT = env.int("SIGN_UP_LINK_SECONDS", default=60 * 60 * 24, at_least=1)

# Attempts in a window of RATE_LIMIT_WINDOW_SECONDS; the next one is answered with 429.
RATE_LIMIT_WINDOW_SECONDS = env.int("RATE_LIMIT_WINDOW_SECONDS", default=15 * 60, at_least=1)
RATE_LIMIT_SIGN_UPS_PER_CLIENT = env.int("RATE_LIMIT_SIGN_UPS_PER_CLIENT", default=20)
RATE_LIMIT_SIGN_UPS_PER_ADDRESS = env.int("RATE_LIMIT_SIGN_UPS_PER_ADDRESS", default=3)
RATE_LIMIT_SIGN_INS_PER_CLIENT = env.int("RATE_LIMIT_SIGN_INS_PER_CLIENT", default=50)
# At one address: from one client, and from all together. Low, the second would let anybody lock anybody out.
RATE_LIMIT_SIGN_INS_PER_ADDRESS = env.int("RATE_LIMIT_SIGN_INS_PER_ADDRESS", default=5)
RATE_LIMIT_SIGN_INS_PER_ADDRESS_ANYWHERE = env.int("RATE_LIMIT_SIGN_INS_PER_ADDRESS_ANYWHERE", default=100)
