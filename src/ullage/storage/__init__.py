"""The only room with SQLAlchemy: schema, dialects, transactions, reads, writes, the committer and the feed."""
