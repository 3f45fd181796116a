"""Peers: the same registration as others would write it, and servers that only say hello."""
