"""What the product's processes have to have in them for the fault suite: settings, a task, kinds of jobs, the feeder.

An app that only ``faults.product.settings`` installs. Nothing here is imported by the runner.
"""
