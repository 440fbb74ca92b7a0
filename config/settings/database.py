"""The database: SQLite with the embedded profile, PostgreSQL by ``DATABASE_URL``.

https://docs.djangoproject.com/en/5.2/ref/databases/
"""

from typing import Any

from config.env import VAR_DIR, env

_url = env.str("DATABASE_URL", default="") or f"sqlite:///{VAR_DIR / 'db.sqlite3'}"
_database: dict[str, Any] = env.db_url_config(_url)

if _database["ENGINE"] == "django.db.backends.sqlite3":
    # SQLite makes the file, not the folder, and the first command of a new clone is `migrate`.
    VAR_DIR.mkdir(parents=True, exist_ok=True)
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
