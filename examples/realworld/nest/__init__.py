"""The nest: shared chores with accounts. Start at main.py."""
