"""create_app(): wiring, and nothing else."""

from flask_openapi3 import Info, OpenAPI

from worksafe import __version__
from worksafe.api.errors import register_errors
from worksafe.api.request_stream import InMemoryRequest, drop_rest
from worksafe.api.response_schemas import Problem
from worksafe.api.routes.check import check_routes
from worksafe.api.routes.docs import docs_routes
from worksafe.api.routes.health import health_routes
from worksafe.api.routes.models import models_routes
from worksafe.api.routes.policies import policies_routes
from worksafe.api.routes.preds import preds_routes
from worksafe.api.routes.redact import redact_routes
from worksafe.moderator import Moderator

_ROUTES = (
    check_routes,
    redact_routes,
    preds_routes,
    policies_routes,
    models_routes,
    health_routes,
)
_ABOUT = (
    "How suitable are images for work? Scores for nudity, violence and drugs, a decision and its "
    "reasons. Everything happens on this server; no picture is stored."
)
_SPARE_PARTS = 16  # form parts beside the images


def create_app(moderator: Moderator) -> OpenAPI:
    """Make the web application.

    Parameters
    ----------
    moderator : Moderator
        What checks the images; its settings hold the ceilings on a request.

    Returns
    -------
    OpenAPI
        A Flask application.
    """
    app = OpenAPI(
        "worksafe",
        info=Info(title="worksafe", version=__version__, description=_ABOUT),
        validation_error_model=Problem,
        # The library describes this one for every route that does not; all of ours do.
        validation_error_status=500,
        doc_ui=False,
        static_folder=None,
    )
    app.request_class = InMemoryRequest
    app.url_map.merge_slashes = False  # a redirect would name this server, and not its proxy
    app.config["MAX_CONTENT_LENGTH"] = moderator.settings.max_request_bytes
    app.config["MAX_FORM_PARTS"] = moderator.settings.max_images + _SPARE_PARTS
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the order of the document is ours
    app.after_request(drop_rest)
    register_errors(app)
    for make_routes in _ROUTES:
        app.register_api(make_routes(moderator))
    app.register_blueprint(docs_routes(app))
    return app
