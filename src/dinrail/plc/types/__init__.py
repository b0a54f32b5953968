"""Types (`model`), variables, their layout in memory, and which type converts to which."""
