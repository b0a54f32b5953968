"""Is this VBIOS whole, does it belong to this card, and who would run it? Bytes and facts in, verdicts out."""
