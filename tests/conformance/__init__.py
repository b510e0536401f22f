"""Runs the published gabbi suites of openstack-placement, unchanged, against Ullage."""
