"""Source to tokens."""
