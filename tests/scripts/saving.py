"""Saving, sharding and loading again; whole models and bare weights through torch.save."""

import copy
import io
import os
import pickle
import sys
import tempfile

import torch
from transformers import CvtForImageClassification

torch.manual_seed(0)
pixel_values = torch.randn(1, 3, 64, 64)
model = CvtForImageClassification.from_pretrained(sys.argv[1])


def told(network):
    with torch.no_grad():
        return [f"{value:.4f}" for value in network(pixel_values).logits[0].tolist()]


with tempfile.TemporaryDirectory() as folder:
    model.save_pretrained(save_directory=folder)
    print(sorted(os.listdir(folder)), told(CvtForImageClassification.from_pretrained(folder)))
with tempfile.TemporaryDirectory() as folder:
    model.save_pretrained(folder, max_shard_size="20KB")
    print("model.safetensors.index.json" in os.listdir(folder), told(CvtForImageClassification.from_pretrained(folder)))
again = CvtForImageClassification(model.config).eval()
buffer = io.BytesIO()
torch.save(model.state_dict(), buffer)
buffer.seek(0)
print(again.load_state_dict(torch.load(buffer)), told(again))
print(told(copy.deepcopy(model)), told(pickle.loads(pickle.dumps(model))))
buffer = io.BytesIO()
torch.save(model, buffer)
buffer.seek(0)
print(told(torch.load(buffer, weights_only=False)))
