"""Documents to answers."""

from flask import Response
from pydantic import BaseModel


def answer_with(document: BaseModel, *, exclude_unset: bool = False) -> Response:
    """Answer with a document, as JSON."""
    text = document.model_dump_json(exclude_unset=exclude_unset)
    return Response(text, content_type="application/json")
