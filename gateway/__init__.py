"""The gateway: registers inclusions and actions, forwards them, releases anonymous figures."""
