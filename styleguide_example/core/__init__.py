"""Words that every floor shares: errors, enums, pure functions.

Never here: Django models, settings, anything that reads or writes the world.
Come in through the module you need; there is no re-export.
"""
