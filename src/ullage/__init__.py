"""Ullage: knows what every provider offers, what is taken and what is left, and hands it out exactly once."""

__version__ = "0.1.0"
