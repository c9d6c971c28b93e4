"""Measurements against peers and of the page, each reproducible by one command."""
