"""The veil: the only home of cryptography."""
