"""Our own gabbi suites: what the published ones leave open, and where Ullage differs on purpose."""
