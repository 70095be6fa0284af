"""How requests with images are documented: one operation that takes three kinds of body.

The library documents one JSON body or one form.
"""

from dataclasses import dataclass
from typing import Any

from flask_openapi3.models import Schema
from pydantic import BaseModel

from worksafe.api.intake import FORM_TYPE, RAW_TYPE
from worksafe.api.request_schemas import FIELD, Options

FILE = {"type": "string", "format": "binary"}


def form_schema(most: int | None = None) -> dict[str, Any]:
    """Describe a form with files, so many at most."""
    images: dict[str, Any] = {"type": "array", "items": FILE, "minItems": 1}
    if most is not None:
        images["maxItems"] = most
    return {"type": "object", "required": [FIELD], "properties": {FIELD: images}}


@dataclass(frozen=True, slots=True)
class Documented:
    """A part of the OpenAPI description.

    Attributes
    ----------
    extensions : dict
        The operation's request body and query parameters.
    schemas : dict of str to Schema
        What they refer to.
    """

    extensions: dict[str, Any]
    schemas: dict[str, Schema]


def image_request(
    options: type[Options], body: type[BaseModel], most: int | None = None
) -> Documented:
    """Document a request with images.

    Parameters
    ----------
    options : type of Options
        As query parameters; they are taken as fields of a form, too, but described once: a page
        that offers to try would fill in both, and what is given twice is refused.
    body : type of BaseModel
        As JSON.
    most : int, optional
        Images at most.

    Returns
    -------
    Documented
    """
    reference = "#/components/schemas/{model}"
    described = options.model_json_schema()["properties"]
    json_body = body.model_json_schema(ref_template=reference)
    schemas = {**json_body.pop("$defs"), body.__name__: json_body}
    described_form = {"description": "The options of the query may be further fields."}
    content = {
        FORM_TYPE: {"schema": form_schema(most) | described_form},
        "application/json": {"schema": {"$ref": reference.format(model=body.__name__)}},
        "image/*": {"schema": FILE},
        "video/*": {"schema": FILE},
        RAW_TYPE: {"schema": FILE},
    }
    query = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema["description"],
            "schema": _as_text(schema),
            "style": "form",
        }
        for name, schema in described.items()
    ]
    return Documented(
        {"requestBody": {"required": True, "content": content}, "parameters": query},
        {name: Schema(**schema) for name, schema in schemas.items()},
    )


def _as_text(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe an option where all is text: what is not given is left out, and never null.

    Without a default, which a page would fill in and send as if somebody had chosen it.
    """
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    variants = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return {**rest, **variants[0]} if variants else rest
