"""From a photo to named classes in one call: transformers' pipeline for image classification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor

from cvt.device import choose_device
from cvt.errors import ConfigError
from cvt.image_inputs import Picture
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification

__all__ = ["ImageClassificationPipeline", "pipeline"]

Function = Literal["softmax", "sigmoid", "none", "default"]
Guess = dict[str, Any]


class ImageClassificationPipeline:
    """Names the classes of photos.

    Args:
        model: a classifier; used in evaluation mode.
        image_processor: its preprocessing.
        device: where to compute; where the model is, if not given.
        top_k: how many classes to name; all that there are, at most.
        function_to_apply: what makes scores of logits: "softmax", "sigmoid" or "none"; by default softmax, over
            ``logits / config.temperature``, for one class of several, sigmoid for one label or several at once, and
            nothing for regression.
        batch_size: how many photos go through the network together.
    """

    task = "image-classification"

    def __init__(
        self,
        model: CvtForImageClassification,
        image_processor: CvtImageProcessor,
        *,
        device: str | int | torch.device | None = None,
        top_k: int | None = 5,
        function_to_apply: Function | None = None,
        batch_size: int = 1,
    ) -> None:
        self.model = (model if device is None else model.to(_device(device))).eval()
        self.image_processor = image_processor
        self._defaults = {"top_k": top_k, "function_to_apply": function_to_apply, "batch_size": batch_size}

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.model.device

    def __call__(self, inputs: Picture | Sequence[Picture] | Iterator[Picture], **options: Any) -> Any:
        """Name the classes of one photo, or of several.

        Args:
            inputs: a Pillow image, a path, an address or an array, or a list or an iterator of these.
            options: ``top_k``, ``function_to_apply`` and ``batch_size``, for this call alone.

        Returns:
            For one photo a list of ``{"label": name, "score": number}``, the best first; for a list of photos a list of
            these; for an iterator a generator of these.

        Raises:
            ImageError: a photo cannot be read.
            ConfigError: an option that there is not, or a value that is not allowed.
        """
        unknown = options.keys() - self._defaults.keys()
        if unknown:
            allowed = ", ".join(self._defaults)
            raise ConfigError(f"{', '.join(sorted(unknown))}: no option of this pipeline; it has {allowed}")
        chosen = {**self._defaults, **options}
        _check(**chosen)
        if isinstance(inputs, list | tuple):
            return list(self._guesses(iter(inputs), **chosen))
        if isinstance(inputs, Iterator):
            return self._guesses(inputs, **chosen)
        return next(self._guesses(iter([inputs]), **chosen))  # type: ignore[list-item]

    def _guesses(
        self, pictures: Iterator[Picture], top_k: int | None, function_to_apply: Function | None, batch_size: int
    ) -> Iterator[list[Guess]]:
        batch: list[Picture] = []
        for picture in pictures:
            batch.append(picture)
            if len(batch) == batch_size:
                yield from self._classify(batch, top_k, function_to_apply)
                batch = []
        if batch:
            yield from self._classify(batch, top_k, function_to_apply)

    def _classify(
        self, pictures: list[Picture], top_k: int | None, function_to_apply: Function | None
    ) -> Iterator[list[Guess]]:
        pixel_values = self.image_processor(pictures, return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            logits = self.model(pixel_values.to(self.model.device, self.model.dtype), return_dict=True).logits
        names = self.model.config.id2label
        for scores in self._scores(logits.float().cpu(), function_to_apply):
            best = scores.argsort(descending=True, stable=True)[:top_k]
            yield [{"label": names[int(index)], "score": float(scores[index])} for index in best]

    def _scores(self, logits: Tensor, function: Function | None) -> Tensor:
        config = self.model.config
        if function in (None, "default"):
            function = {
                "regression": "none",
                "multi_label_classification": "sigmoid",
                "single_label_classification": "softmax",
                None: "sigmoid" if config.num_labels == 1 else "softmax",
            }[config.problem_type]
        if function == "softmax":
            return (logits / config.temperature).softmax(dim=-1)
        return logits.sigmoid() if function == "sigmoid" else logits

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> Self:
        """The pipeline of a saved, published or bundled model, with ``options`` of the constructor."""
        ref = pretrained_model_name_or_path
        return cls(CvtForImageClassification.from_pretrained(ref), CvtImageProcessor.from_pretrained(ref), **options)


def pipeline(
    task: str | None = None,
    model: str | Path | CvtForImageClassification = "bundled",
    *,
    image_processor: str | Path | CvtImageProcessor | None = None,
    feature_extractor: str | Path | CvtImageProcessor | None = None,
    device: str | int | torch.device | None = None,
    device_map: Any = None,
    dtype: torch.dtype | str | None = None,
    torch_dtype: torch.dtype | str | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    model_kwargs: dict[str, Any] | None = None,
    **options: Any,
) -> ImageClassificationPipeline:
    """A pipeline that classifies photos.

    Args:
        task: "image-classification", the one there is.
        model: what :meth:`cvt.CvtForImageClassification.from_pretrained` loads, or a model.
        image_processor: the same for the preprocessing; needed beside a model that is not loaded here.
        feature_extractor: the older name of ``image_processor``.
        device, device_map: where to compute: "auto", a device, or the number of a GPU (-1 for the CPU).
        dtype, torch_dtype, revision, token, model_kwargs: for loading the model.
        options: ``top_k``, ``function_to_apply`` and ``batch_size`` of :class:`ImageClassificationPipeline`.

    Raises:
        CheckpointError: the model cannot be loaded.
        ConfigError: another task, an option that there is not, or a value that is not allowed.
    """
    if task not in (None, "image-classification"):
        raise ConfigError(f"task={task!r} must be 'image-classification'")
    unknown = options.keys() - {"top_k", "function_to_apply", "batch_size", "trust_remote_code", "use_fast"}
    if unknown:
        raise ConfigError(f"{', '.join(sorted(unknown))}: no argument of pipeline")
    options = {n: value for n, value in options.items() if n not in ("trust_remote_code", "use_fast")}
    processor = feature_extractor if image_processor is None else image_processor
    if processor is None:
        if isinstance(model, CvtForImageClassification):
            raise ConfigError("a model that is loaded already needs image_processor= beside it")
        processor = model
    if not isinstance(processor, CvtImageProcessor):
        processor = CvtImageProcessor.from_pretrained(processor, revision=revision, token=token)
    if not isinstance(model, CvtForImageClassification):
        model = CvtForImageClassification.from_pretrained(
            model,
            dtype=dtype if torch_dtype is None else torch_dtype,
            device_map=device_map,
            revision=revision,
            token=token,
            **(model_kwargs or {}),
        )
    _check(**{"top_k": 5, "function_to_apply": None, "batch_size": 1, **options})
    return ImageClassificationPipeline(model, processor, device=device, **options)


def _check(top_k: Any, function_to_apply: Any, batch_size: Any) -> None:
    for name, value in (("top_k", top_k), ("batch_size", batch_size)):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if not whole and not (name == "top_k" and value is None):
            raise ConfigError(f"{name}={value!r} must be a whole number of at least 1")
    if function_to_apply not in (None, "softmax", "sigmoid", "none", "default"):
        raise ConfigError(f"function_to_apply={function_to_apply!r} must be 'softmax', 'sigmoid', 'none' or None")


def _device(device: str | int | torch.device) -> torch.device:
    if isinstance(device, int):
        return torch.device("cpu") if device == -1 else choose_device(f"cuda:{device}")
    return choose_device(str(device))
