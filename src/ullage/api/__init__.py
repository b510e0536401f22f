"""Everything that exists only on the wire."""
