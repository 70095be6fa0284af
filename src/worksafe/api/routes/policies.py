"""GET /v1/policies."""

from collections import Counter

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from worksafe.api.errors import problem_responses
from worksafe.api.response_schemas import ActionName, PolicyModel
from worksafe.moderator import Moderator
from worksafe.policy.document import Policy, Rule, VideoRule
from worksafe.policy.shadow import Counts, Shadow

_TAG = Tag(name="policies", description="What scores become")


class PolicyDocument(PolicyModel):
    """A policy as it decides now; thresholds given as rates are resolved to scores."""

    description: str
    on_error: ActionName
    rules: dict[str, Rule]
    video: VideoRule
    weights: dict[str, float]


class ShadowCount(BaseModel):
    """So many images: what was decided, and what the shadow would have decided."""

    active: ActionName
    shadow: ActionName
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
        answer = PoliciesResponse(
            default=moderator.settings.policy,
            policies=[_render(policy) for _, policy in sorted(moderator.policies.items())],
            is_stale=moderator.shelf.is_stale,
            shadow=_render_shadow(moderator.shadow) if moderator.shadow else None,
        )
        return Response(answer.model_dump_json(), content_type="application/json")

    return routes


def _render(policy: Policy) -> PolicyDocument:
    return PolicyDocument(
        name=policy.name,
        version=policy.version,
        description=policy.description,
        on_error=policy.on_error.value,
        rules=dict(policy.rules),
        video=policy.video,
        weights=dict(policy.weights),
    )


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
        ShadowCount(active=active.value, shadow=would.value, images=images)
        for (active, would), images in sorted(counts.items())
    ]
