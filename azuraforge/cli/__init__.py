"""The command line: one file per sub-command. Data goes to stdout, narration to stderr."""
