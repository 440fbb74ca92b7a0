"""Where and how much: settings read from the environment, URLs and server entry points.

Beside the floors, not above them: only words (``styleguide_example.core``) are imported from here.
Never here: business logic, or a setting that nothing reads.
"""
