"""The product, in floors: each may import from those below it, never from those above.

From the top: ``embedded`` (the whole stack on one machine), ``tasks`` (the engine room), ``users``, ``emails``,
``common`` (Django kit), ``core`` (words). ``setup.cfg`` holds the same list as a contract that the build checks.
"""
