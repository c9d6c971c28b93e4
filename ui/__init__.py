"""The Gradio half: the page, its handlers and its endpoints; what is drawn in the browser lies in ``web/``."""

import os

from .serving.folder import claim_folder

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
claim_folder()  # both here, because Gradio reads them when it is imported
