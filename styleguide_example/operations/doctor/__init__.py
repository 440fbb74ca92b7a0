"""What ``manage.py doctor`` asks, and what it makes of the answers: findings, each with what to do about it.

A module for each thing that can be ill; a function for each question, which returns findings or raises. ``checkup``
puts them in order and bounds them in time. Never here: mending anything, and printing.
"""
