"""Feedback: what participants are asked, what they answer, and requests for another match."""
