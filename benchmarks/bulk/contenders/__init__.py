"""The Django projects that are measured, one package each: ``settings``, and a ``driver`` that writes, asks and clears.

All are written for this benchmark. That of the styleguide does per e-mail what its example does, in our own words. A
driver has ``write(count)``: rows that nobody asked for yet; ``send()``: ask for all of them, by the door that the
contender documents; and, where one e-mail is measured, ``one(number)``: write it, ask for it, and return the moment of
the commit.
"""
