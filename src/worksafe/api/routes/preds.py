"""POST /preds: the original project's endpoint, for its clients."""

from typing import Annotated

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from worksafe.api.answers import answer_with
from worksafe.api.errors import problem_responses
from worksafe.api.intake import FORM_TYPE, read_uploads
from worksafe.api.openapi import form_schema
from worksafe.api.response_schemas import ItemErrorModel
from worksafe.items import count_videos
from worksafe.models.registry import LABELS
from worksafe.moderator import Moderator
from worksafe.results import UNSEEN, Action, Check, Moderation, Reason

_TAG = Tag(name="preds", description="The original project's answer")
Percent = Annotated[int, Field(ge=0, le=100)]
_REQUEST_BODY = {"required": True, "content": {FORM_TYPE: {"schema": form_schema()}}}


class Preds(BaseModel):
    """Scores in percent; `natural_score` is 100 less the highest of the others."""

    nude_score: Percent
    violence_score: Percent
    drugs_score: Percent
    natural_score: Percent


class PredsItem(BaseModel):
    """One image; `error` stands only where it could not be checked, and `preds` is null there."""

    img_path: str | None
    preds: Preds | None
    error: ItemErrorModel | None = None


class PredsResponse(BaseModel):
    """All images, and whether any of them shows each category.

    An image that could not be checked sets all three flags unless the policy allows such images:
    clients of this endpoint know nothing but the flags.
    """

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    data: list[PredsItem]
    is_contain_nude: Annotated[bool, Field(alias="isContainNude")]
    is_contain_violence: Annotated[bool, Field(alias="isContainViolence")]
    is_contain_drugs: Annotated[bool, Field(alias="isContainDrugs")]


def preds_routes(moderator: Moderator) -> APIBlueprint:
    """Make the original project's route."""
    routes = APIBlueprint("preds", __name__, abp_tags=[_TAG])
    settings = moderator.settings

    @routes.post(
        "/preds",
        summary="Check images, answered as the original project did",
        responses={200: PredsResponse, **problem_responses(400, 413, 415, 422, 503)},
        openapi_extensions={"requestBody": _REQUEST_BODY},
    )
    def preds() -> Response:
        moderator.admission.refuse_when_full()
        items = read_uploads(request, settings.max_images)
        deadline_s = settings.deadline_for(len(items), count_videos(items))
        done = moderator.check_set(items, deadline_s=deadline_s)
        return answer_with(render_preds(done), exclude_unset=True)

    return routes


def render_preds(check: Check) -> PredsResponse:
    """Turn a set's result into the original project's answer.

    Parameters
    ----------
    check : Check
        The result: a flag is set where a rule about the category, or about a label that counts
        towards it, was reached, and where a rule about any other of its labels blocks.

    Returns
    -------
    PredsResponse
    """
    return PredsResponse(
        data=[_render_item(result) for result in check.results],
        is_contain_nude=_shows(check, "nudity"),
        is_contain_violence=_shows(check, "violence"),
        is_contain_drugs=_shows(check, "drugs"),
    )


def _render_item(result: Moderation) -> PredsItem:
    if result.scores is None:
        assert result.error is not None  # noqa: S101 - no scores means an error
        error = ItemErrorModel.model_validate(result.error)
        return PredsItem(img_path=result.id, preds=None, error=error)
    scores = result.scores.categories
    preds = Preds(  # a Moderator of other detectors need not have all three
        nude_score=round(100 * scores.get("nudity", 0.0)),
        violence_score=round(100 * scores.get("violence", 0.0)),
        drugs_score=round(100 * scores.get("drugs", 0.0)),
        natural_score=round(100 * (1 - max(scores.values()))),
    )
    return PredsItem(img_path=result.id, preds=preds)


def _shows(check: Check, category: str) -> bool:
    return any(
        result.decision is not Action.ALLOW
        if result.scores is None or any(reason.rule == UNSEEN for reason in result.reasons)
        else any(_is_about(reason, category) for reason in result.reasons)
        for result in check.results
    )


def _is_about(reason: Reason, category: str) -> bool:
    """Return whether a reason sets a flag; a label that does not count does where it blocks."""
    if reason.category != category:
        return False
    return reason.rule == category or LABELS[reason.rule].counts or reason.action is Action.BLOCK
