"""GET /v1/policies."""

from collections import Counter

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from worksafe.api.answers import answer_with
from worksafe.api.errors import problem_responses
from worksafe.api.response_schemas import PolicyModel
from worksafe.moderator import Moderator
from worksafe.policy.document import Rule, VideoRule
from worksafe.policy.shadow import Counts, Shadow
from worksafe.results import Action

_TAG = Tag(name="policies", description="What scores become")


class PolicyDocument(PolicyModel):
    """A policy as it decides now; thresholds given as rates are resolved to scores."""

    description: str
    on_error: Action
    rules: dict[str, Rule]
    video: VideoRule
    weights: dict[str, float]


class ShadowCount(BaseModel):
    """So many images: what was decided, and what the shadow would have decided."""

    active: Action
    shadow: Action
    images: int


class ShadowedModel(PolicyModel):
    """An active policy, and what was counted beside it."""

    counts: list[ShadowCount]


class ShadowModel(PolicyModel):
    """The policy that decides beside the active one, in this process since its start.

    Counted is its present version: `counts` over all active policies, `by_policy` beside each.
    """

    counts: list[ShadowCount]
    by_policy: list[ShadowedModel]


class PoliciesResponse(BaseModel):
    """All policies."""

    default: str
    is_stale: bool
    policies: list[PolicyDocument]
    shadow: ShadowModel | None


def policies_routes(moderator: Moderator) -> APIBlueprint:
    """Make the route that lists policies."""
    routes = APIBlueprint("policies", __name__, abp_tags=[_TAG])

    @routes.get(
        "/v1/policies",
        summary="List policies",
        responses={200: PoliciesResponse, **problem_responses()},
    )
    def policies() -> Response:
        """Name a policy in a request with `policy`. Where `is_stale` is true, the operator's
        folder has changed and could not be followed: these are the policies from before.
        """  # noqa: D205 - shown to readers of the API as a paragraph
        found = sorted(moderator.policies.items())
        answer = PoliciesResponse(
            default=moderator.settings.policy,
            policies=[PolicyDocument.model_validate(policy) for _, policy in found],
            is_stale=moderator.shelf.is_stale,
            shadow=_render_shadow(moderator.shadow) if moderator.shadow else None,
        )
        return answer_with(answer)

    return routes


def _render_shadow(shadow: Shadow) -> ShadowModel:
    info = shadow.policy.info
    by_policy = shadow.by_policy(info)
    return ShadowModel(
        name=info.name,
        version=info.version,
        counts=_render_counts(sum(by_policy.values(), Counter())),
        by_policy=[
            ShadowedModel(name=active.name, version=active.version, counts=_render_counts(counts))
            for active, counts in by_policy.items()
        ],
    )


def _render_counts(counts: Counts) -> list[ShadowCount]:
    return [
        ShadowCount(active=active, shadow=would, images=images)
        for (active, would), images in sorted(counts.items())
    ]
