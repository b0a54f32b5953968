"""Where a program's texts lie: plain files, a folder with project.toml, a TwinCAT project; and how they are parsed."""
