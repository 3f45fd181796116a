"""What a server costs by itself: Flask that says hello."""

from __future__ import annotations

from flask import Flask

app = Flask(__name__)


@app.get("/live")
def live() -> str:
    """Hello."""
    return "hello"
