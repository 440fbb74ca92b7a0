"""The database: SQLite with the embedded profile, PostgreSQL by ``DATABASE_URL``.

https://docs.djangoproject.com/en/5.2/ref/databases/
"""

import sqlite3

from django.core.exceptions import ImproperlyConfigured

from config import addresses
from config.env import VAR_DIR, env

#: For ``UPDATE … RETURNING``, by which a worker claims: https://sqlite.org/lang_returning.html
SQLITE_OLDEST = (3, 35)

_url = env.str("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
if _url.startswith("sqlite"):
    # SQLite makes the file, not the folder, and the first command of a new clone is `migrate`.
    try:
        VAR_DIR.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR: {VAR_DIR} cannot be made ({error.strerror}). Name a folder that can be written to."
        ) from error
_database = addresses.database(_url)

if _database["ENGINE"] == "django.db.backends.sqlite3":
    if sqlite3.sqlite_version_info < SQLITE_OLDEST:
        raise ImproperlyConfigured(
            f"DATABASE_URL: this Python has SQLite {sqlite3.sqlite_version}, and "
            f"{'.'.join(map(str, SQLITE_OLDEST))} or newer is needed. Use another Python, or PostgreSQL."
        )
    # Django's defaults lose most writes when eight processes write at once ("database is locked"), these lose none:
    # https://docs.djangoproject.com/en/5.2/ref/databases/#database-is-locked-errors
    # `synchronous` stays at FULL: a committed e-mail must survive a power failure.
    _database["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds
    }
    # One file, so that a worker process that a test starts sees the same database.
    _database["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    _database["OPTIONS"] = {"connect_timeout": 5, **_database.get("OPTIONS", {})}  # seconds

# Kept connections, checked before they are used again (a worker's too: see `tasks/celery.py`).
# https://docs.djangoproject.com/en/5.2/ref/databases/#persistent-connections
_database["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE_SECONDS", default=300)
_database["CONN_HEALTH_CHECKS"] = True

DATABASES = {"default": _database}
