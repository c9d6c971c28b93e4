"""The page: the only code that knows Gradio."""
