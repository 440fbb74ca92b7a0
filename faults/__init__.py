"""Faults on purpose: the whole product, on servers of its own, under load, with one thing broken at a time.

``make faults`` starts it. What happened is counted at the edges, in rows by plain SQL, at the mail server by Message-ID
and recipient, in lines that bodies left, and never by asking the product's own code.
"""
