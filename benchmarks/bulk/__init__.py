"""Many e-mails, end to end: this project and its peers, in alternating order, against one mail server that is as slow as told.

``python -m benchmarks.bulk`` runs it (``make bench`` installs the peers first). ``peers`` says who takes part and what is
started for each; ``contenders`` holds their Django projects, one package each, written for this benchmark; ``sink.c`` is
the mail server. Nothing of the product lives here and the product imports nothing from here.
"""
