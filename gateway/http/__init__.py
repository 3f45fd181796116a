"""The doors: the only home of Flask."""
