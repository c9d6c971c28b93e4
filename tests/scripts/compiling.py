"""A compiled and an exported network say what the network says."""

import sys

import torch
from transformers import CvtForImageClassification

torch.manual_seed(0)
model = CvtForImageClassification.from_pretrained(sys.argv[1])
pixel_values = torch.randn(2, 3, 64, 64)
with torch.no_grad():
    expected = model(pixel_values).logits
    compiled = torch.compile(model, backend="eager")(pixel_values).logits
    exported = torch.export.export(model, (), {"pixel_values": pixel_values}).module()(pixel_values=pixel_values)
print([f"{value:.4f}" for value in expected[1].tolist()])
print([f"{value:.4f}" for value in compiled[1].tolist()])
print([f"{value:.4f}" for value in exported["logits"][1].tolist()])
