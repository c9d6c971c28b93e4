"""The parts of ``web/`` as Gradio components, and the values that they are given."""
