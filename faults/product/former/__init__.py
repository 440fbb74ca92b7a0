"""What only the release before a deploy has: a kind of job whose task the next release calls otherwise."""
