"""Sounds: reading and resampling them, and named sets of them."""
