"""The HTTP kit: one error format, tokens, pages, throttles, idempotent POSTs, the schema and its docs page.

Never here: a domain. An endpoint lives in its app's ``apis`` and takes what it needs from here.
"""
