"""Commands over HTTP, and the admin commands."""
