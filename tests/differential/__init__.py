"""Sends the same random requests to the reference service and to Ullage, and compares the answers."""
