"""CvT Explorer: ``python app.py`` serves the page; ``demo`` is its Blocks object."""

from __future__ import annotations

from ui.launch import heed_sigterm, make_demo, read_options, serve

if __name__ == "__main__":
    heed_sigterm()

options = read_options(None if __name__ == "__main__" else [])
demo = make_demo(options)

if __name__ == "__main__":
    serve(demo, options)
