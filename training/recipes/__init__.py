"""One readable file per trained model; each defines ``RECIPE``."""
