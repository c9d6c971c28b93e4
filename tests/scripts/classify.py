"""Hugging Face's own example of image classification with CvT."""

import sys

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, CvtForImageClassification

image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8))
image_processor = AutoImageProcessor.from_pretrained(sys.argv[1])
model = CvtForImageClassification.from_pretrained(sys.argv[1])
inputs = image_processor(image, return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits
predicted_label = logits.argmax(-1).item()
print(model.config.id2label[predicted_label], [f"{value:.4f}" for value in logits[0].tolist()])
