"""Simulation and register, side by side: one rule engine for every door."""
