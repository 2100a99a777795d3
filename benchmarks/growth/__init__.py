"""What a backlog costs: processor time an event, and memory, with up to 1,000,000 events before a process."""
