"""Results to answers."""

from collections.abc import Sequence

from worksafe.api.request_schemas import Include
from worksafe.api.response_schemas import (
    CategoryModel,
    CheckResponse,
    FrameModel,
    HeatMapModel,
    ImageModel,
    ItemErrorModel,
    ModelModel,
    PolicyModel,
    ReasonModel,
    RegionModel,
    ResultModel,
    TimingModel,
)
from worksafe.explain.heat import data_url
from worksafe.results import Check, FrameScores, Moderation, Scores, scores_in


def render_check(check: Check, include: Sequence[Include] = ()) -> CheckResponse:
    """Turn a set's result into the answer, with the extras asked for."""
    return CheckResponse(
        id=check.id,
        suitability=check.suitability,
        decision=check.decision,
        policy=PolicyModel.model_validate(check.policy),
        taxonomy=check.taxonomy,
        models=[ModelModel.model_validate(model) for model in check.models],
        results=[render_result(result, include) for result in check.results],
        timing_ms=TimingModel.model_validate(check.timing),
    )


def render_result(result: Moderation, include: Sequence[Include]) -> ResultModel:
    """Turn one image's result into its part of the answer."""
    scores, image, error = result.scores, result.image, result.error
    return ResultModel(
        index=result.index,
        id=result.id,
        status=result.status,
        suitability=result.suitability,
        decision=result.decision,
        reasons=[ReasonModel.model_validate(reason) for reason in result.reasons],
        categories=_render_categories(scores) if scores else None,
        regions=_render_regions(scores) if scores else [],
        frames=[_render_frame(frame) for frame in result.frames] if "frames" in include else None,
        heatmaps=_render_heatmaps(result) if "heatmap" in include else None,
        image=ImageModel.model_validate(image) if image else None,
        error=ItemErrorModel.model_validate(error) if error else None,
    )


def _render_heatmaps(result: Moderation) -> list[HeatMapModel]:
    """Draw one map for each label that reached a rule."""
    if result.image is None or result.scores is None:
        return []
    size = result.image.width, result.image.height
    frame_of: dict[str, int | None] = {}
    for reason in result.reasons:  # the most severe first
        if reason.label:
            frame_of.setdefault(reason.label, reason.frame)
    return [
        HeatMapModel(label=label, frame=frame, data_url=data_url(places, *size))
        for label, frame in frame_of.items()
        if (places := scores_in(result.frames, frame, result.scores).maps.get(label)) is not None
    ]


def _render_frame(frame: FrameScores) -> FrameModel:
    return FrameModel(
        frame=frame.frame,
        time_s=frame.time_s,
        still=frame.is_still,
        categories=_render_categories(frame.scores),
        regions=_render_regions(frame.scores),
    )


def _render_categories(scores: Scores) -> dict[str, CategoryModel]:
    return {
        category: CategoryModel(
            score=score,
            labels={
                name.removeprefix(f"{category}."): value
                for name, value in scores.labels.items()
                if name.startswith(f"{category}.")
            },
        )
        for category, score in scores.categories.items()
    }


def _render_regions(scores: Scores) -> list[RegionModel]:
    return [RegionModel.model_validate(region) for region in scores.regions]
