"""Tables and figures of stored scores."""
