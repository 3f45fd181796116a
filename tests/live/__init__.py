"""Tests against running processes over real HTTP."""
