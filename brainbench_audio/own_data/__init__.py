"""Sounds and responses as people have them: files in a folder become a data set."""
