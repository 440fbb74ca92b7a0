"""One file for each group of faults; each function with ``@scenario`` is a line of the scorecard."""
