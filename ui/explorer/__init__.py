"""The explorer: a photo that answers the pointer with what the network does there."""

from ui.explorer.component import Explorer, requested_class
from ui.explorer.payload import ExplorerData, explorer_value, with_evidence

__all__ = ["Explorer", "ExplorerData", "explorer_value", "requested_class", "with_evidence"]
