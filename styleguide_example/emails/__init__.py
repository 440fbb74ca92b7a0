"""An e-mail's life: written, asked for, sent or failed (docs/decisions/0002).

Never here: who gets which e-mail and why; that is decided by the apps above, which come in through ``services``.
Templates live in ``templates/emails/``, the conversation with the server in ``backends``.
"""
