"""The pipeline, for one photo, for several, and for a file."""

import sys
import tempfile

import numpy as np
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification, pipeline

random = np.random.default_rng(1)
photos = [Image.fromarray(random.integers(0, 256, (80, 70, 3), dtype=np.uint8)) for _ in range(3)]


def told(guesses):
    return [(guess["label"], f"{guess['score']:.4f}") for guess in guesses]


classifier = pipeline("image-classification", model=sys.argv[1])
print(told(classifier(photos[0])), told(classifier(photos[0], top_k=1)))
print([told(guesses) for guesses in classifier(photos, top_k=2)])
print(told(classifier(photos[1], function_to_apply="sigmoid")), told(classifier(photos[1], function_to_apply="none")))
with tempfile.NamedTemporaryFile(suffix=".png") as file:
    photos[2].save(file.name)
    print(told(classifier(file.name)))
model = AutoModelForImageClassification.from_pretrained(sys.argv[1])
image_processor = AutoImageProcessor.from_pretrained(sys.argv[1])
classifier = pipeline(task="image-classification", model=model, image_processor=image_processor, device="cpu")
print(told(classifier(photos[0])), classifier.device, classifier.task)
