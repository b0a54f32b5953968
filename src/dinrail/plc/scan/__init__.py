"""Text to tokens, and what a literal is worth."""
