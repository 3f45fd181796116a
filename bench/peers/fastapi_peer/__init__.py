"""The same registration in FastAPI with asynchronous SQLAlchemy and asyncpg, as their documentation teaches it."""

from bench.peers.fastapi_peer.main import app

__all__ = ["app"]
