"""Hostile requests: a catalogue, what each must be answered, and a harness that looks at all that an answer touches."""
