"""What keeps a run or a scenario from being made. The messages are for the person who started it."""


class MissingError(Exception):
    """Something is not on this machine; the message says what to install."""


class FaultsError(Exception):
    """Something did not become what a scenario needs it to be: it says nothing about what is lost or doubled."""
