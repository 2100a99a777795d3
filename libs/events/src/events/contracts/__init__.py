"""The public and restricted events of Viceversa, as other systems see them. No I/O; see `docs/subscribers.md`."""
