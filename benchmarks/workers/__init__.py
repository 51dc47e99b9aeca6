"""What is raced, each in a process and an environment of its own: see `protocol`."""
