"""The table of bad input: each line is something that somebody got wrong, and what they are told.

A module for each door. Each line holds that the answer names the place (field, option, variable, entry, template), says
what to do, has the right status or exit code, and that nothing was changed: every row of every table is as it was, and
nothing is promised for after the commit. ``checking`` has what the doors share.
"""
