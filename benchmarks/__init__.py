"""What the documents say in figures, measured. Each module runs by itself: ``python -m benchmarks.schedule_sync``."""
