"""The one place where the environment is read."""

from pathlib import Path

import environ

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent

# A file is a convenience for one's own machine; a variable that is really set wins.
# https://django-environ.readthedocs.io/en/latest/quickstart.html
env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))

#: Where the embedded profile keeps its database, its broker's socket and its caught mail.
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
