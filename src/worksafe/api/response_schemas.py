"""What answers say: these classes round what results hold, and document it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from worksafe.results import SCORE_DIGITS, TIME_DIGITS, Action

Probability = Annotated[float, Field(ge=0, le=1)]
_ROUNDED = AfterValidator(lambda value: round(value, SCORE_DIGITS))
Share = Annotated[float, _ROUNDED]
Score = Annotated[Probability, _ROUNDED]
Time = Annotated[float, AfterValidator(lambda value: round(value, TIME_DIGITS))]


class Answer(BaseModel):
    """A part of an answer: it may be made of an object that has the same attributes."""

    model_config = ConfigDict(from_attributes=True)


class Problem(BaseModel):
    """Why a request was refused (RFC 9457, ``application/problem+json``)."""

    type: str
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(description="Stable, for programs.")]
    field: Annotated[str | None, Field(description="The part of the request that is wrong.")] = None


class ReasonModel(Answer):
    """Why an image is not simply allowed."""

    rule: Annotated[
        str, Field(description="The rule reached: a category, a category.label, or unseen.")
    ]
    category: str
    label: str | None
    score: Score
    threshold: Probability
    action: Action
    frame: Annotated[int | None, Field(description="Of an animation or video, from 0.")]
    time_s: Annotated[Time | None, Field(description="When that frame is shown, in seconds.")]
    region: Annotated[
        int | None, Field(description="Index into regions, if one of them is of that frame.")
    ]
    sentence: Annotated[str, Field(description="The same in plain words.")]


class CategoryModel(Answer):
    """Scores of one category: any of its counting labels, and each label."""

    score: Score
    labels: dict[str, Score]


class RegionModel(Answer):
    """Where something is: box is x, y, width, height as fractions of the upright image."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    label: str
    detector_class: Annotated[str, Field(alias="class")]
    score: Score
    box: tuple[Share, Share, Share, Share]


class HeatMapModel(Answer):
    """Which places speak for a label: a picture to be stretched over the checked one."""

    label: str
    frame: int | None
    data_url: str


class ImageModel(Answer):
    """What was decoded; the format is told by the bytes, whatever the name says."""

    format: str
    width: int
    height: int
    frames: int
    frames_checked: int
    duration_s: Annotated[
        Time | None, Field(description="Of a video: when its last frame is shown.")
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


class FrameModel(Answer):
    """Scores of one frame; frame counts from 0."""

    frame: int
    time_s: Time
    still: Annotated[
        bool,
        Field(
            description="Of a video: a cover picture, a slide or what stands for more than a "
            "second, which counts by itself."
        ),
    ]
    categories: dict[str, CategoryModel]
    regions: list[RegionModel]


class ItemErrorModel(Answer):
    """Why an image could not be checked."""

    code: str
    message: str


class ResultModel(Answer):
    """The result for one image."""

    index: int
    id: str | None
    status: Literal["ok", "error"]
    suitability: Annotated[int | None, Field(ge=0, le=100)]
    decision: Action
    reasons: list[ReasonModel]
    categories: dict[str, CategoryModel] | None
    regions: list[RegionModel]
    frames: Annotated[
        list[FrameModel] | None, Field(description="Of each frame checked, if asked for.")
    ] = None
    heatmaps: Annotated[
        list[HeatMapModel] | None,
        Field(description="Of labels that reached a rule and have a map, if asked for."),
    ] = None
    image: ImageModel | None
    error: ItemErrorModel | None


class PolicyModel(Answer):
    """Which policy decided."""

    name: str
    version: str


class ModelModel(Answer):
    """Which model scored."""

    name: str
    version: str
    sha256: str
    license: str


class TimingModel(Answer):
    """Milliseconds; all but total are sums over the images, which run side by side."""

    decode: Annotated[Time, Field(description="Reading or fetching images, and decoding them.")]
    wait: Time
    inference: Annotated[Time, Field(description="Scoring; of videos decoding, too.")]
    total: Time


class CheckResponse(Answer):
    """The result for a set of images."""

    id: str
    suitability: Annotated[int | None, Field(ge=0, le=100)]
    decision: Action
    policy: PolicyModel
    taxonomy: str
    models: list[ModelModel]
    results: list[ResultModel]
    timing_ms: TimingModel
