"""`make bench`: speed measured side by side in one run, as medians of interleaved rounds and ratios."""
