"""Kills of workers, services and databases under load, and the proof that no answered write was lost."""
