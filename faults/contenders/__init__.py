"""The Django side of ``make faults ARGS=--peers``: three projects that are asked for e-mails in the same way.

A package each: ``settings`` and ``asking``, with ``prepare()``, ``email_ask(to=...)`` for the request of one person,
and ``emails_ask(addresses=...)`` for many. What the peers are made of is in ``benchmarks/bulk/contenders``. An app, so
that its processes can be given faults from their start. Nothing here is imported by the runner.
"""
