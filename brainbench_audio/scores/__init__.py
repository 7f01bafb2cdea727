"""Scores, their uncertainty, their ceilings, and where they are kept."""
