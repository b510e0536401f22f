"""Pure search over an immutable columnar snapshot; imports `model` and numpy only."""
