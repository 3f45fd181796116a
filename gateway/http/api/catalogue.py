"""The door of the catalogue (CONTRACT 7.1, 7.2): each route loads, calls one verb, dumps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gateway.domain.errors import FieldError, InvalidRequest
from gateway.http import bodies
from gateway.http.api import cursors
from gateway.http.routes import Incoming, Outgoing, Route
from gateway.services import keep_catalogue
from schemas import catalogue as wire
from schemas import checks
from schemas.fields import Cursor, Limit, StrictSchema, about


class ProjectQuery(StrictSchema):
    """Which projects to list."""

    cursor = Cursor(metadata=about("`next` of the page before.", "MDE5MGI3YTQ"))
    limit = Limit(metadata=about("Most items of one page, 1 to 1000; 100 when not given.", "100"))


def _list_projects(incoming: Incoming) -> Any:
    after = cursors.decode(incoming.query.get("cursor")) or ""
    return partial(keep_catalogue.list_projects, after=after, limit=incoming.query["limit"])


def _get_project(incoming: Incoming) -> Any:
    return partial(keep_catalogue.get_project, project_id=incoming.path["project_id"])


def _register_project(incoming: Incoming) -> Any:
    return partial(keep_catalogue.register_project, document=incoming.payload)


def _replace_project(incoming: Incoming) -> Any:
    project_id = incoming.path["project_id"]
    if incoming.payload.get("id", project_id) != project_id:
        raise InvalidRequest([FieldError("#/id", "unknown-value")])
    document = {**incoming.payload, "id": project_id}
    return lambda work: keep_catalogue.replace_project(work, document, bodies.if_match(incoming.headers))


def _list_pseudocodes(incoming: Incoming) -> Any:
    query = incoming.query
    after = cursors.decode(query.get("cursor")) or ""
    return partial(
        keep_catalogue.list_pseudocodes,
        project_id=query.get("project"),
        on=query.get("on"),
        after=after,
        limit=query["limit"],
    )


def _register_pseudocode(incoming: Incoming) -> Any:
    return partial(keep_catalogue.register_pseudocode, document=incoming.payload)


def _assign_pseudocode(incoming: Incoming) -> Any:
    code = _checked(incoming.path["code"], checks.is_pseudocode, "malformed-pseudocode")
    return partial(
        keep_catalogue.assign_pseudocode, project_id=incoming.path["project_id"], code=code, document=incoming.payload
    )


def _register_partner(incoming: Incoming) -> Any:
    nihii = _checked(incoming.path["nihii"], checks.is_nihii, "invalid-nihii")
    return partial(
        keep_catalogue.register_partner,
        project_id=incoming.path["project_id"],
        nihii=nihii,
        document=incoming.payload,
    )


def _checked(value: str, is_right: Callable[[str], bool], code: str) -> str:
    if not is_right(value):
        raise InvalidRequest([FieldError("#", code)])
    return value


def _dump(found: Mapping[str, Any], incoming: Incoming) -> Outgoing:
    return Outgoing(found)


def _dump_project(found: Mapping[str, Any], incoming: Incoming) -> Outgoing:
    return Outgoing(found, {"ETag": f'"{found["version"]}"'})


def _dump_new_project(found: Mapping[str, Any], incoming: Incoming) -> Outgoing:
    return Outgoing(found, {"ETag": f'"{found["version"]}"', "Location": f"/v1/projects/{found['id']}"})


def _dump_page(page: tuple[list[dict[str, Any]], str | None], incoming: Incoming) -> Outgoing:
    items, position = page
    return Outgoing({"items": items, "next": cursors.encode(position)})


_PROJECT = "/v1/projects/<project_id>"
ROUTES = (
    Route("GET", "/v1/projects", "list_projects", _list_projects, _dump_page, wire.ProjectList, query=ProjectQuery),
    Route("GET", _PROJECT, "get_project", _get_project, _dump_project, wire.Project),
    Route(
        "POST",
        "/v1/projects",
        "register_project",
        _register_project,
        _dump_new_project,
        wire.Project,
        body=wire.ProjectRequest,
        status=201,
        writes=True,
    ),
    Route(
        "PUT",
        _PROJECT,
        "replace_project",
        _replace_project,
        _dump_project,
        wire.Project,
        body=wire.ProjectReplacement,
        writes=True,
    ),
    Route(
        "GET",
        "/v1/pseudocodes",
        "list_pseudocodes",
        _list_pseudocodes,
        _dump_page,
        wire.PseudocodeList,
        query=wire.PseudocodeQuery,
    ),
    Route(
        "POST",
        "/v1/pseudocodes",
        "register_pseudocode",
        _register_pseudocode,
        _dump,
        wire.Pseudocode,
        body=wire.PseudocodeRequest,
        status=201,
        writes=True,
    ),
    Route(
        "PUT",
        f"{_PROJECT}/pseudocodes/<code>",
        "assign_pseudocode",
        _assign_pseudocode,
        _dump,
        wire.Assignment,
        body=wire.AssignmentRequest,
        writes=True,
    ),
    Route(
        "PUT",
        f"{_PROJECT}/partners/<nihii>",
        "register_partner",
        _register_partner,
        _dump,
        wire.Partner,
        body=wire.PartnerRequest,
        writes=True,
    ),
)
