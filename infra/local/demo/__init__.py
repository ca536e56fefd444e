"""The main job: a whole campaign on this machine, and a verdict on it."""
