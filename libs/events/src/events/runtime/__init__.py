"""What makes a service event-sourced: store, commands, relay, consumers, projectors, HTTP edge, telemetry.

Nothing here names a concept of Viceversa; a test holds that.
"""
