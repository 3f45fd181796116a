"""The sandbox: supervisor, legal clock by hand, and the synthetic sample."""
