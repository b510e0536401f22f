"""The audit trail: what every committed transaction changed and who asked for it, in one hash chain per committer.

A row of `audit` belongs to one transaction of one writer, and is written in that transaction. Its entries are those of
the commands that changed something, in the order in which they were decided. A writer's sequence has no gaps, so
neither has its chain; each hash covers the hash before it.
"""
