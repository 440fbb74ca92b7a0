"""What a person is told inside the product: written by other apps, read by that person alone, marked as read.

Where the person wants it, an e-mail goes out too. Failures of one sort are grouped. Come in through ``services``.
"""
