from events.runtime.migrations import run

run()
