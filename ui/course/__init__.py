"""The course: what its lessons say, what they ask about a photo and a model, and sheets to print."""
