"""Files to sources: plain `.st` folders and TwinCAT 3 projects."""
