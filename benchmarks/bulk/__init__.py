"""Many e-mails, end to end: this project and its peers, in alternating order, against one mail server.

``python -m benchmarks.bulk`` runs it (``make bench`` installs the peers first). ``peers`` says who takes part and what
is started for each; ``contenders`` holds their Django projects, one package each, written for this benchmark;
``sink.c`` is the mail server, as slow as it is told to be. The product imports nothing from here.
"""
