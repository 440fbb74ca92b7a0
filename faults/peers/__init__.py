"""The decisive faults, made in the same way under this project, the styleguide's pattern and django-post_office.

``make faults ARGS=--peers`` writes ``docs/reliability/peers.md``. Everything is counted at the same two edges: rows by
plain SQL, and what the mail server took, by recipient, because not everybody keeps a Message-ID.
"""
