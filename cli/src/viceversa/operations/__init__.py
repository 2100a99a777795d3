"""What operators do to a running platform from the command line."""
