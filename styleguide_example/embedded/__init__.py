"""The whole product on one machine: broker, mail catcher, mailbox page, runner and demo (docs/decisions/0004).

For development only: production settings do not install this app. Never here: anything that the product needs to run.
Come in through ``make run`` and ``make demo``.
"""
