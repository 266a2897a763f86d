"""Groups of commands, each in a module of its own; ``cli`` brings them together."""
