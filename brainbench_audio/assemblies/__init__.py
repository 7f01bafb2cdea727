"""Labelled arrays of measured responses, and the folds that split them."""
