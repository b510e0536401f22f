"""Attacks on the running service: `python -m security.run`, and small samples of each in the tests."""
