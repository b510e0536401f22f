"""The review of a deployment."""
