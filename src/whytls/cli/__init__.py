"""The command line: one file per command, each a few lines over a function of the package."""
