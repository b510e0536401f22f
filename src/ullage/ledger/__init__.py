"""Pure decisions about writes: rows read and commands in, changes or refusals out; imports `model` only."""
