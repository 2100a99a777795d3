"""The main job: a sample enterprise goes through a whole reverse mentoring program, by the public HTTP APIs alone."""
