"""The shapes that stand at the borders of ``cvt``, held while tests run.

The libraries need neither jaxtyping nor a type checker: what is annotated is read here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, get_type_hints

import jaxtyping
import torch
from beartype import beartype
from jaxtyping import TypeCheckError, jaxtyped

from cvt.image_processor import PreparedImage
from cvt.model import CvtForImageClassification, CvtModel
from cvt.outputs import BaseModelOutputWithCLSToken, ImageClassifierOutput
from cvt.tracing import BlockTrace, ForwardPass, StageTrace, Trace

BORDERS: dict[type, str] = {
    CvtModel: "forward",
    CvtForImageClassification: "forward",
    BaseModelOutputWithCLSToken: "__init__",
    ImageClassifierOutput: "__init__",
    PreparedImage: "__init__",
    ForwardPass: "__init__",
    BlockTrace: "__init__",
    StageTrace: "__init__",
    Trace: "__init__",
}
"""Where shapes are annotated: by class, the method."""


def held(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which refuses what has not the shapes that it names.

    What it refuses itself, by an error of its own, is left to it; a graph is compiled from the function as written,
    and a replica of DataParallel gives what can be gathered instead of what is annotated.
    """
    names = {**vars(jaxtyping), "Tensor": torch.Tensor}
    original = dict(function.__annotations__)
    function.__annotations__ = get_type_hints(function, localns=names)
    checked = jaxtyped(function, typechecker=beartype)
    function.__annotations__ = original

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling() or getattr(args[0], "_is_replica", False):
            return function(*args, **kwargs)
        try:
            return checked(*args, **kwargs)
        except TypeCheckError:
            function(*args, **kwargs)
            raise

    return call
