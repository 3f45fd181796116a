"""A black-box attacker of the figures: who knows half of the register, and tries for the other half."""
