"""What Linux's files mean: one file per subject, each from the raw bytes to facts. Unknown is data, never a crash."""
