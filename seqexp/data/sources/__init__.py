"""One family of input a file. Each has `load(config) -> Panel`."""
