"""Words that every floor shares: errors, enums, pure functions; and what every process does at its start.

Never here: Django models, settings, anything that reads or writes the world.
Come in through the module you need; there is no re-export.
"""
