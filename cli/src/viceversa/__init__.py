"""The `viceversa` command."""
