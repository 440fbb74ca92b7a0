"""``make screenshots``: each page of a small believable world, at two widths, light and dark.

The world is made of rows by the factories of the tests; no worker runs, so nothing moves while it is looked at. Nothing
of the product imports this.
"""
