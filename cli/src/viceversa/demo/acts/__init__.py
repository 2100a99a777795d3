"""The demo's acts. Each is a few steps at the public APIs and says at its end what happened; `story` has the order."""
