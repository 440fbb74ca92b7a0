"""Jobs: leases, progress, sizes, and how long they are kept."""

from config.env import env

#: How long a job counts as alive without a sign of its worker, and how often the worker gives one.
JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=30, at_least=1)
JOB_HEARTBEAT_SECONDS = env.float("JOB_HEARTBEAT_SECONDS", default=5, at_least=0.1)
#: Reports of progress that come faster are not written.
JOB_PROGRESS_SECONDS = env.float("JOB_PROGRESS_SECONDS", default=0.5)
#: Bytes of JSON.
JOB_PARAMETERS_MAX_BYTES = env.int("JOB_PARAMETERS_MAX_BYTES", default=64 * 1024, at_least=1)
JOB_RESULT_MAX_BYTES = env.int("JOB_RESULT_MAX_BYTES", default=64 * 1024, at_least=1)
#: A due job that nobody claimed is woken again after this time.
JOB_WAKE_AGAIN_SECONDS = env.int("JOB_WAKE_AGAIN_SECONDS", default=30)
#: A sweep brings a queue to this length at most.
JOB_SWEEP_LIMIT = env.int("JOB_SWEEP_LIMIT", default=1000, at_least=1)
#: So many children of one batch are in the broker or at work at once.
JOB_BATCH_WINDOW = env.int("JOB_BATCH_WINDOW", default=100, at_least=1)
#: Calls that a machine makes begin up to so many seconds late, so that they do not all begin at once. None in DEBUG.
JOB_JITTER_SECONDS = env.float("JOB_JITTER_SECONDS", default=5)
#: Jobs that went well or were cancelled, and those that failed.
JOB_KEEP_DAYS = env.int("JOB_KEEP_DAYS", default=30)
JOB_KEEP_FAILED_DAYS = env.int("JOB_KEEP_FAILED_DAYS", default=180)
