"""What answers say: these classes are made of results, and document them."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from worksafe.api.request_schemas import Include
from worksafe.explain.heat import data_url
from worksafe.results import (
    SCORE_DIGITS,
    TIME_DIGITS,
    Check,
    FrameScores,
    ModelInfo,
    Moderation,
    Reason,
    Region,
    Scores,
    scores_in,
)

Score = Annotated[float, Field(ge=0, le=1)]
ActionName = Literal["allow", "review", "block"]


class Problem(BaseModel):
    """Why a request was refused (RFC 9457, ``application/problem+json``)."""

    type: str
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(description="Stable, for programs.")]
    field: Annotated[str | None, Field(description="The part of the request that is wrong.")] = None


class ReasonModel(BaseModel):
    """Why an image is not simply allowed."""

    rule: Annotated[
        str, Field(description="The rule reached: a category, a category.label, or unseen.")
    ]
    category: str
    label: str | None
    score: Score
    threshold: Score
    action: ActionName
    frame: Annotated[int | None, Field(description="Of an animation or video, from 0.")]
    time_s: Annotated[float | None, Field(description="When that frame is shown, in seconds.")]
    region: Annotated[
        int | None, Field(description="Index into regions, if one of them is of that frame.")
    ]
    sentence: Annotated[str, Field(description="The same in plain words.")]


class CategoryModel(BaseModel):
    """Scores of one category: any of its counting labels, and each label."""

    score: Score
    labels: dict[str, Score]


class RegionModel(BaseModel):
    """Where something is: box is x, y, width, height as fractions of the upright image."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    label: str
    detector_class: Annotated[str, Field(alias="class")]
    score: Score
    box: tuple[float, float, float, float]


class HeatMapModel(BaseModel):
    """Which places speak for a label: a picture to be stretched over the checked one."""

    label: str
    frame: int | None
    data_url: str


class ImageModel(BaseModel):
    """What was decoded; the format is told by the bytes, whatever the name says."""

    format: str
    width: int
    height: int
    frames: int
    frames_checked: int
    duration_s: Annotated[
        float | None, Field(description="Of a video: when its last frame is shown.")
    ]
    odd_thumbnail: Annotated[
        bool,
        Field(
            description="Other viewers show something else (a preview inside, the picture turned "
            "otherwise); it was checked too."
        ),
    ]
    unseen: Annotated[
        Score,
        Field(description="How far frames that were not checked differ from those that were."),
    ]


class FrameModel(BaseModel):
    """Scores of one frame; frame counts from 0."""

    frame: int
    time_s: float
    still: Annotated[
        bool,
        Field(
            description="Of a video: a cover picture, a slide or what stands for more than a "
            "second, which counts by itself."
        ),
    ]
    categories: dict[str, CategoryModel]
    regions: list[RegionModel]


class ItemErrorModel(BaseModel):
    """Why an image could not be checked."""

    code: str
    message: str


class ResultModel(BaseModel):
    """The result for one image."""

    index: int
    id: str | None
    status: Literal["ok", "error"]
    suitability: Annotated[int | None, Field(ge=0, le=100)]
    decision: ActionName
    reasons: list[ReasonModel]
    categories: dict[str, CategoryModel] | None
    regions: list[RegionModel]
    frames: Annotated[
        list[FrameModel] | None, Field(description="Of each frame checked, if asked for.")
    ] = None
    heatmaps: Annotated[
        list[HeatMapModel] | None,
        Field(description="Of labels that reached a rule and have no regions, if asked for."),
    ] = None
    image: ImageModel | None
    error: ItemErrorModel | None


class PolicyModel(BaseModel):
    """Which policy decided."""

    name: str
    version: str


class ModelModel(BaseModel):
    """Which model scored."""

    name: str
    version: str
    sha256: str
    license: str


class TimingModel(BaseModel):
    """Milliseconds; all but total are sums over the images, which run side by side."""

    decode: Annotated[float, Field(description="Reading or fetching images, and decoding them.")]
    wait: float
    inference: Annotated[float, Field(description="Scoring; of videos decoding, too.")]
    total: float


class CheckResponse(BaseModel):
    """The result for a set of images."""

    id: str
    suitability: Annotated[int | None, Field(ge=0, le=100)]
    decision: ActionName
    policy: PolicyModel
    taxonomy: str
    models: list[ModelModel]
    results: list[ResultModel]
    timing_ms: TimingModel


def render_check(check: Check, include: Sequence[Include] = ()) -> CheckResponse:
    """Turn a set's result into the answer, with the extras asked for."""
    timing = check.timing
    return CheckResponse(
        id=check.id,
        suitability=check.suitability,
        decision=check.decision.value,
        policy=PolicyModel(name=check.policy.name, version=check.policy.version),
        taxonomy=check.taxonomy,
        models=render_models(check.models),
        results=[render_result(result, include) for result in check.results],
        timing_ms=TimingModel(
            decode=round(timing.decode, TIME_DIGITS),
            wait=round(timing.wait, TIME_DIGITS),
            inference=round(timing.inference, TIME_DIGITS),
            total=round(timing.total, TIME_DIGITS),
        ),
    )


def render_models(models: Iterable[ModelInfo]) -> list[ModelModel]:
    """Describe what scores."""
    return [
        ModelModel(name=one.name, version=one.version, sha256=one.sha256, license=one.license)
        for one in models
    ]


def render_result(result: Moderation, include: Sequence[Include] = ()) -> ResultModel:
    """Turn one image's result into its part of the answer."""
    image, error = result.image, result.error
    return ResultModel(
        index=result.index,
        id=result.id,
        status=result.status,
        suitability=result.suitability,
        decision=result.decision.value,
        reasons=[_render_reason(reason) for reason in result.reasons],
        categories=_render_categories(result.scores) if result.scores else None,
        regions=[_render_region(region) for region in (result.scores or _NONE).regions],
        frames=[_render_frame(frame) for frame in result.frames] if "frames" in include else None,
        heatmaps=_render_heatmaps(result) if "heatmap" in include else None,
        image=image
        and ImageModel(
            format=image.format,
            width=image.width,
            height=image.height,
            frames=image.frames,
            frames_checked=image.frames_checked,
            duration_s=None if image.duration_s is None else round(image.duration_s, TIME_DIGITS),
            odd_thumbnail=image.odd_thumbnail,
            unseen=round(image.unseen, SCORE_DIGITS),
        ),
        error=error and ItemErrorModel(code=error.code, message=error.message),
    )


_NONE = Scores({}, {})


def _render_reason(reason: Reason) -> ReasonModel:
    return ReasonModel(
        rule=reason.rule,
        category=reason.category,
        label=reason.label,
        score=round(reason.score, SCORE_DIGITS),
        threshold=reason.threshold,
        action=reason.action.value,
        frame=reason.frame,
        time_s=None if reason.time_s is None else round(reason.time_s, TIME_DIGITS),
        region=reason.region,
        sentence=reason.sentence,
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
        time_s=round(frame.time_s, TIME_DIGITS),
        still=frame.is_still,
        categories=_render_categories(frame.scores),
        regions=[_render_region(region) for region in frame.scores.regions],
    )


def _render_categories(scores: Scores) -> dict[str, CategoryModel]:
    return {
        category: CategoryModel(
            score=round(score, SCORE_DIGITS),
            labels={
                name.removeprefix(f"{category}."): round(value, SCORE_DIGITS)
                for name, value in scores.labels.items()
                if name.startswith(f"{category}.")
            },
        )
        for category, score in scores.categories.items()
    }


def _render_region(region: Region) -> RegionModel:
    x, y, width, height = (round(part, SCORE_DIGITS) for part in region.box)
    return RegionModel(
        label=region.label,
        detector_class=region.detector_class,
        score=round(region.score, SCORE_DIGITS),
        box=(x, y, width, height),
    )
