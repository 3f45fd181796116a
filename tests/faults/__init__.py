"""Faults that the promises of a running gateway survive."""
