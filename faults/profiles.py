"""The three sets of servers on which every promise is tried, and the times that the product has there."""

from faults.database import Database, PostgreSQLDatabase, SQLiteDatabase
from faults.postgresql_server import PostgreSQLServer
from faults.processes import Room
from faults.rabbitmq_server import RabbitMQServer
from faults.redis_server import RedisServer
from faults.servers import Server

RABBITMQ, REDIS, EMBEDDED = "postgresql-rabbitmq", "postgresql-redis", "embedded"
ALL = (RABBITMQ, REDIS, EMBEDDED)
SERVICES = (RABBITMQ, REDIS)

LEASE_SECONDS = 8
#: Between two sweeps, for e-mails as for jobs. It is code and not a setting (``tasks/timetable.py``), and as deployed.
SWEEP_SECONDS = 10
#: About a fifteenth of what a deployment has, in the same order: an answer, the soft limit, the hard limit, the lease.
TIMES: dict[str, object] = {
    "EMAIL_TIMEOUT_SECONDS": 2,
    "EMAIL_TIMEOUT_AFTER_DATA_SECONDS": 3,
    "CELERY_TASK_SOFT_TIME_LIMIT_SECONDS": 5,
    "CELERY_TASK_TIME_LIMIT_SECONDS": 6,
    "EMAIL_SENDING_LEASE_SECONDS": LEASE_SECONDS,
    "EMAIL_SENDING_BURST_SECONDS": 2,
    "EMAIL_SENDING_BACKOFF_SECONDS": 1,
    "EMAIL_SENDING_BACKOFF_MAX_SECONDS": 4,
    "EMAIL_SENDING_WAKE_AGAIN_SECONDS": 2,
    "EMAIL_CONNECTION_MAX_IDLE_SECONDS": 2,
    "EMAIL_SLOW_DOWN_PAUSE_SECONDS": 1,
    "EMAIL_SLOW_DOWN_PAUSE_MAX_SECONDS": 4,
    "EMAIL_SLOW_DOWN_RECOVERY_SECONDS": 4,
    "EMAIL_SERVER_DOWN_SECONDS": 4,
    "JOB_LEASE_SECONDS": 4,
    "JOB_HEARTBEAT_SECONDS": 0.7,
    "JOB_PROGRESS_SECONDS": 0.1,
    "JOB_WAKE_AGAIN_SECONDS": 2,
    "JOB_JITTER_SECONDS": 0,
}
#: One client is everybody here.
NO_LIMITS = dict.fromkeys(
    ("RATE_LIMIT_SIGN_UPS_PER_CLIENT", "API_CHANGES_PER_WINDOW", "API_READS_PER_MINUTE"), 1_000_000_000
)
#: Connections of one worker process, as it is by default: so many of its e-mails at most are on the wire at once.
CONNECTIONS = 8


class Servers:
    """The servers of a profile: ``broker``, ``postgresql`` where it is not SQLite, ``database`` for plain SQL."""

    def __init__(self, profile: str, room: Room) -> None:
        self.profile = profile
        self.broker: RabbitMQServer | RedisServer
        self.postgresql: PostgreSQLServer | None = None
        self.database: Database
        if profile == EMBEDDED:
            self.database = SQLiteDatabase(room.directory)
        else:
            self.postgresql = PostgreSQLServer(room)
            self.database = PostgreSQLDatabase(self.postgresql)
        self.broker = RabbitMQServer(room) if profile == RABBITMQ else RedisServer(room, on_socket=profile == EMBEDDED)

    @property
    def all(self) -> list[Server]:
        """Each of them."""
        return [server for server in (self.postgresql, self.broker) if server is not None]

    def launch(self) -> None:
        """Start all at once, and return when the database answers: the broker may take its time."""
        self.broker.launch()
        if self.postgresql is not None:
            self.postgresql.start()

    def heal(self) -> None:
        """Let all of them run and answer."""
        for server in self.all:
            server.resume()
            server.start()

    def kill(self) -> None:
        """End all of them at once."""
        for server in self.all:
            server.kill()
