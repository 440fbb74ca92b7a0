"""Keeps the memory of a process that lives long where it is once it has warmed up."""

import gc


def startup_objects_freeze() -> None:
    """Take what lives now for what lives as long as the process, and leave it out of every collection from now on.

    Call it when everything is loaded and before the first request or task. CPython looks for old garbage only when as
    much has become old as a quarter of all that survived the last look
    (https://devguide.python.org/internals/garbage-collector/#collecting-the-oldest-generation). A started Django is
    150,000 objects, a request leaves about seven that only that look finds, so thousands of requests would pass, and
    several MiB, before it came. Of what came to live since the start a quarter is little. The first collection keeps
    garbage from being kept for ever; the second makes CPython count anew.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
