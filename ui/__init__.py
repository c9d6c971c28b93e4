"""The page: the only code that knows Gradio."""

from ui.temporary import claim_folder

claim_folder()  # here, because Gradio must not be imported before
