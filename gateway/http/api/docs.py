"""The description of the interface: `/openapi.json`, and its page `/docs`, which works without any other host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

from flask import Flask, Response, request

from gateway.http.openapi.document import document
from gateway.http.routes import Route
from schemas import strict_json

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",  # Swagger UI sets styles through the object model, which asks for no 'unsafe-inline'
        "img-src 'self' data:",  # the arrows of its style sheet are data URLs
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ChronicCare gateway: interface</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/page.css">
</head>
<body>
<main id="swagger-ui"><noscript>Without scripts, read <a href="/openapi.json">openapi.json</a>.</noscript></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/page.js"></script>
</body>
</html>
"""
_SCRIPT = """\
"use strict";
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  validatorUrl: null,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
"""
_STYLE = """\
body { margin: 0; }
@media (max-width: 640px) {
  .swagger-ui .wrapper { padding: 0 10px; }
  .swagger-ui .opblock .opblock-summary { flex-wrap: wrap; }
  .swagger-ui table { display: block; overflow-x: auto; }
}
"""
OURS = {"page.js": (_SCRIPT, "text/javascript"), "page.css": (_STYLE, "text/css")}
FROM_PACKAGE = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}


def add_docs(app: Flask, routes: Sequence[Route], *, is_sandbox: bool) -> None:
    """Register the document of these routes and its page on an app.

    Cost: the document is made when it is first asked for, once per process.
    """

    @cache
    def written() -> bytes:
        return strict_json.dumps(document(routes, is_sandbox=is_sandbox))

    def show_document() -> Response:
        return _kept(written(), "application/json")

    def show_page() -> Response:
        return _kept(_PAGE.encode(), "text/html")

    doors: dict[str, Callable[[], Response]] = {"/openapi.json": show_document, "/docs": show_page}
    doors |= {f"/docs/{name}": _asset(text.encode(), kind) for name, (text, kind) in OURS.items()}
    doors |= {f"/docs/{name}": _packaged(name, kind) for name, kind in FROM_PACKAGE.items()}
    for path, view in doors.items():
        app.add_url_rule(path, f"GET {path}", view, methods=["GET"])


def _asset(content: bytes, kind: str) -> Callable[[], Response]:
    return lambda: _kept(content, kind)


def _packaged(name: str, kind: str) -> Callable[[], Response]:
    return lambda: _kept(_file(name), kind)


@cache
def _file(name: str) -> bytes:
    """A file of Swagger UI's distribution, as its package carries it."""
    return files("flask_swagger_ui").joinpath("dist", name).read_bytes()


def _kept(content: bytes, kind: str) -> Response:
    """An answer that a client may keep, and asks for again by its tag."""
    response = Response(content, content_type=kind if kind.startswith("image/") else _utf8(kind))
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = POLICY
    response.add_etag()
    response.make_conditional(request)
    return response


def _utf8(kind: str) -> str:
    return kind if kind == "application/json" else f"{kind}; charset=utf-8"
