"""The command line, above the three packages."""
