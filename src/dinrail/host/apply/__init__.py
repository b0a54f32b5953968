"""How each kind of change is made and read back, one file a family."""
