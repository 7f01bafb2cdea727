"""What `brainbench_audio` offers in Python: the verbs of the command line as functions."""
