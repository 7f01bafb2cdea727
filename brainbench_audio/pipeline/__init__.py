"""Walks the whole way from stimuli to a stored score."""
