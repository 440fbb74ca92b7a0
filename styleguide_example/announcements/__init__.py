"""Writing to many people: staff write an announcement, a job writes one e-mail for each person, readers unsubscribe.

Never here: how an e-mail is sent (``emails``), or how a job is followed (``jobs``). Come in through ``services``.
"""
