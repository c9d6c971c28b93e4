"""What an image processor is given: pictures, arrays, tensors, bytes and floats, one and many."""

import sys
import warnings

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor

warnings.simplefilter("ignore")  # of floats that are rescaled twice
processor = AutoImageProcessor.from_pretrained(sys.argv[1])
print(processor.size["shortest_edge"], processor.crop_pct, list(processor.image_mean), int(processor.resample))
pixels = np.random.default_rng(2).integers(0, 256, (90, 75, 3), dtype=np.uint8)
unit = pixels.astype(np.float32) / 255


def told(batch):
    values = np.asarray(batch["pixel_values"])
    kind = type(batch["pixel_values"]).__name__
    return kind, values.shape, str(values.dtype), f"{values.mean():.4f} {values.std():.4f}"


print(told(processor(Image.fromarray(pixels), return_tensors="pt")))
print(told(processor(images=[Image.fromarray(pixels)] * 2, return_tensors="np")))
print(told(processor(pixels)))
print(told(processor(torch.from_numpy(pixels.transpose(2, 0, 1)), return_tensors="pt")))
print(told(processor(list(np.stack([pixels, pixels])), return_tensors="pt")))
print(told(processor(unit, return_tensors="np")))
print(told(processor(unit, do_rescale=False, return_tensors="np")))
print(told(processor(torch.from_numpy(unit), do_rescale=False, do_resize=False, return_tensors="pt")))
print(told(processor(unit * 300 - 20, do_resize=False, return_tensors="pt")))
print(told(processor(pixels, do_resize=False, do_normalize=False, return_tensors="pt")))
print(told(processor(pixels, size={"shortest_edge": 48}, crop_pct=0.9, return_tensors="pt")))
print(told(processor(pixels, size={"shortest_edge": 384}, return_tensors="pt")))
batch = processor(pixels, return_tensors="pt").to(torch.bfloat16)
print(batch["pixel_values"].dtype, batch.pixel_values.shape, list(batch.keys()))
