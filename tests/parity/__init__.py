"""Reference activations of the original implementations, and the comparison with ours."""
