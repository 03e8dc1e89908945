"""The command line: `agentplane --help`."""
