"""The Gradio half: the page, its handlers and its endpoints; what is drawn in the browser lies in ``web/``."""

import os
from importlib.util import find_spec

from .serving.folder import claim_folder

if "SPACES_ZERO_GPU" in os.environ and find_spec("spaces") is not None:
    import spaces  # noqa: F401  # before PyTorch, of which it takes the GPUs

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
claim_folder()  # both here, because Gradio reads them when it is imported
