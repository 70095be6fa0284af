"""GET /openapi.json and GET /docs: the API's description, for programs and for people."""

from flask import Blueprint, Response, jsonify, redirect, render_template_string
from flask_openapi3 import OpenAPI
from flask_openapi3_swagger.plugins import RegisterPlugin
from flask_openapi3_swagger.templates import swagger_html_string
from werkzeug.wrappers import Response as BaseResponse

_PAGE = swagger_html_string.replace(
    "<title>Swagger UI</title>",
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    "    <title>worksafe API</title>",
)


def docs_routes(app: OpenAPI) -> Blueprint:
    """Make the routes that describe the API; the page's scripts come with an installed package."""
    routes = Blueprint("docs", __name__)
    app.register_blueprint(RegisterPlugin.register(doc_url="openapi.json"))

    @routes.get("/openapi.json")
    def openapi() -> Response:
        description = app.api_doc
        # The library writes null where there are no keys; the standard allows no null there.
        components = {k: v for k, v in description["components"].items() if v is not None}
        # Relative to this document, so that it also holds behind a proxy's prefix.
        return jsonify({**description, "components": components, "servers": [{"url": "."}]})

    @routes.get("/docs")
    def docs() -> str:
        return render_template_string(
            _PAGE, doc_url="openapi.json", swagger_config={}, oauth_config=None
        )

    @routes.get("/")
    def start() -> BaseResponse:
        return redirect("docs")  # relative: a proxy may have put a prefix before it

    return routes
