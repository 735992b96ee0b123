"""Storages on Redis. Holds nothing yet but its version; knows no routes and no protocols, and imports no client yet.

What it will hold: the limiter's storage with its scripts (one round trip a decision), a session store, and
publish/subscribe.
"""
