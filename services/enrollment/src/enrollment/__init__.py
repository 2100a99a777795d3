"""Enrollment: programs, the people in them, and the file they sign up by."""
