"""For trainings: alignment watched while it happens, and as a loss. Experimental."""
