"""People: signing up, confirming an address, signing in, onboarding.

Never here: how an e-mail is sent, or when something runs. Other apps come in through ``services`` and ``selectors``,
people through ``views``.
"""
