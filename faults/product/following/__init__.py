"""What only the release after a deploy has: a migration, new tasks, and a new name for one of them."""
