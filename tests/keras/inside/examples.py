"""The examples of transformers' documentation of its TensorFlow models, with the import line changed.

The photo is one of this project's instead of a download, and the model is the bundled one. On PyTorch, whose results
remember how they were computed, they run under ``no_grad``, as PyTorch's own examples do.
"""

from __future__ import annotations

import contextlib

import keras

quietly: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
if keras.backend.backend() == "torch":
    import torch

    quietly = torch.no_grad()

with quietly:
    from PIL import Image

    from cvt import AutoImageProcessor, TFCvtModel

    image = Image.open("examples/cat.jpg")

    image_processor = AutoImageProcessor.from_pretrained("bundled")
    model = TFCvtModel.from_pretrained("bundled")

    inputs = image_processor(images=image, return_tensors="tf")
    outputs = model(**inputs)
    last_hidden_states = outputs.last_hidden_state
    print(last_hidden_states.shape)

with quietly:
    import tensorflow as tf
    from PIL import Image

    from cvt import AutoImageProcessor, TFCvtForImageClassification

    image = Image.open("examples/cat.jpg")

    image_processor = AutoImageProcessor.from_pretrained("bundled")
    model = TFCvtForImageClassification.from_pretrained("bundled")

    inputs = image_processor(images=image, return_tensors="tf")
    outputs = model(**inputs)
    logits = outputs.logits
    # model predicts one of the 1000 ImageNet classes
    predicted_class_idx = tf.math.argmax(logits, axis=-1)[0]
    print("Predicted class:", model.config.id2label[int(predicted_class_idx)])
