"""Components that hold a value and are never drawn."""

from __future__ import annotations

from typing import TypeVar

from gradio.blocks import Block

__all__ = ["UNDRAWN", "undrawn"]

UNDRAWN = "api"
"""What Gradio's page calls a component that it has nothing to draw by, those of ``gr.api`` among them."""

AnyBlock = TypeVar("AnyBlock", bound=Block)


def undrawn(block: AnyBlock) -> AnyBlock:
    """The same component, for which a browser fetches no modules: with ``visible=False`` alone it fetches them all."""
    block.get_block_name = lambda: UNDRAWN  # type: ignore[method-assign]
    return block
