"""The page's work as tools for assistants, in the Model Context Protocol: at ``/mcp``, where ``--mcp`` asks for it.

Their arguments are those of the endpoints (:mod:`ui.endpoints`), typed and documented for whoever reads the list of
tools. A photo comes as a ``data:`` address, as the path that an upload answered, or as the name of an example; nothing
is fetched from elsewhere, for an address could lead anywhere, also behind the server's own walls.
"""

import base64
import html
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from anyio import CapacityLimiter, to_thread
from gradio.data_classes import ImageData
from PIL import Image
from pydantic import Field, ValidationError
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from cvt.errors import ConfigError, shown
from visualize.methods import METHODS

from .arguments import MOST_SIZE
from .components.photo import read_upload
from .endpoints import MOST_CALLS, MOST_CLASSES, classify, explain
from .errors import toast
from .examples import examples
from .serving.arguments import LONGEST_TEXT
from .serving.desk import session_now
from .session.models import ModelCache

__all__ = ["ADDRESS", "Assistants"]

ADDRESS = "/mcp"

LONGEST_PHOTO = 28 * 2**20
"""Characters of a photo of 20 MB as a ``data:`` address."""

PHOTO = (
    "The photo: a data: address (data:image/jpeg;base64,…), the path that a POST to /gradio_api/upload answered, or "
    "the name of an example: {names}."
)

if TYPE_CHECKING:  # what they are beyond that, the models decide
    Photo = str
    Model = str
    Method = str

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class Assistants:
    """The tools, and where they are served.

    Args:
        models: the models to choose from.
        start: name of the one that is taken when none is named.

    Raises:
        ConfigError: the package ``mcp`` is not installed.
    """

    def __init__(self, models: ModelCache, start: str) -> None:
        if find_spec("mcp") is None:
            raise ConfigError('--mcp needs the package mcp: pip install "cvt-explorer[mcp]"')
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        self._manager = StreamableHTTPSessionManager(_server(models, start), json_response=True, stateless=True)

    def routes(self) -> list[BaseRoute]:
        """For Starlette, to be tried before Gradio's own."""
        return [Route(ADDRESS, self)]

    def running(self) -> AbstractAsyncContextManager[None]:
        """While this lasts, the tools answer."""
        return self._manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)


def _server(models: ModelCache, start: str) -> Any:
    from mcp import types
    from mcp.server.fastmcp.tools import Tool
    from mcp.server.lowlevel import Server

    server: Any = Server("CvT Explorer", instructions="What a Convolutional vision Transformer sees in a photo.")
    tools = {tool.__name__: Tool.from_function(tool, structured_output=False) for tool in _tools(models, start)}
    at_work = CapacityLimiter(MOST_CALLS)

    @server.list_tools()
    async def listed() -> list[types.Tool]:
        return [
            types.Tool(name=name, description=tool.description, inputSchema=tool.parameters)
            for name, tool in tools.items()
        ]

    @server.call_tool(validate_input=False)
    async def called(name: str, given: dict[str, Any]) -> list[types.ContentBlock]:
        if name not in tools:
            raise ConfigError(f"{shown(name)} is no tool here; there are {', '.join(tools)}")
        session_now.set("assistants")  # all of them take turns with each visitor of the page
        try:
            checked = tools[name].fn_metadata.arg_model.model_validate(given).model_dump_one_level()
            return await to_thread.run_sync(lambda: tools[name].fn(**checked), limiter=at_work)
        except ValidationError as error:
            raise ConfigError(_named(error)) from None
        except Exception as error:
            raise ConfigError(html.unescape(toast(error, name).message)) from None

    return server


def _named(error: ValidationError) -> str:
    """Which argument cannot be, and why."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    return f"{name}={shown(first['input'])}: {first['msg']}"


def _tools(models: ModelCache, start: str) -> list[Callable[..., Any]]:
    from mcp import types

    if not TYPE_CHECKING:
        known = PHOTO.format(names=", ".join(examples()))
        Photo = Annotated[str, Field(max_length=LONGEST_PHOTO, description=known)]  # noqa: N806
        Model = Annotated[Literal[tuple(models.entries)], Field(description="Which model looks at it.")]  # noqa: N806
        Method = Annotated[Literal[tuple(METHODS)], Field(description="What to draw.")]  # noqa: N806

    def classify_photo(
        image: Photo,
        model: Model = start,
        top_k: Annotated[int, Field(ge=1, le=MOST_CLASSES, description="How many classes.")] = 5,
    ) -> Any:
        found = classify(models, _opened(image), model, top_k)
        lines = [f"{label}: {share:.1%}" for label, share in found.items()]
        return [types.TextContent(type="text", text="\n".join(lines))]

    def explain_photo(
        image: Photo,
        model: Model = start,
        method: Method = "class_evidence",
        stage: Annotated[int, Field(description="Which stage, from 1, or from the end: -1.")] = 3,
        block: Annotated[int, Field(description="Which block of the stage, from 1, or from the end: -1.")] = -1,
        head: Annotated[Text, Field(description="Which attention head, from 1, or the mean of all.")] = "mean",
        query: Annotated[
            Text, Field(description="Whose attention: cls, or row,column of a token, both from 1.")
        ] = "cls",
        target: Annotated[
            Text, Field(description="A class, by name or number from 0; empty for the most probable.")
        ] = "",
        size: Annotated[int, Field(ge=1, le=MOST_SIZE, description="Longest side of the picture, in pixels.")] = 800,
    ) -> Any:
        picture, sentence, numbers = explain(
            models, _opened(image), model, method, stage, block, head, query, target, size
        )
        drawn = base64.b64encode(Path(picture).read_bytes()).decode()
        return [
            types.TextContent(type="text", text=sentence),
            types.ImageContent(type="image", data=drawn, mimeType="image/png"),
            types.TextContent(type="text", text=f"The map's numbers (NPZ): /gradio_api/file={numbers}"),
        ]

    classify_photo.__name__, explain_photo.__name__ = "classify", "explain"
    classify_photo.__doc__ = "The most probable classes of a photo, each with its probability."
    explain_photo.__doc__ = (
        "What a Convolutional vision Transformer does with a photo at one stage: a heatmap drawn on the photo, a "
        "sentence about it, and where its numbers are. Heatmaps show where numbers come from, not why."
    )
    return [classify_photo, explain_photo]


def _opened(image: str) -> Image.Image:
    """The photo that an assistant names.

    Raises:
        ImageError: it cannot be used.
    """
    if image in examples():
        return examples()[image].open()
    return read_upload(ImageData(url=image) if image.startswith("data:") else ImageData(path=image))
