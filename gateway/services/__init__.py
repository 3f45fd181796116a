"""The verbs: one file per use case."""
