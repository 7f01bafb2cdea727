"""Scores that travel: bundles between stores, and folders of results that a group keeps in git."""
