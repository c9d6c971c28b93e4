"""The three losses, chosen by the number of labels and their kind."""

import sys

import torch
from transformers import CvtForImageClassification

torch.manual_seed(0)
pixel_values = torch.randn(3, 3, 64, 64)
model = CvtForImageClassification.from_pretrained(sys.argv[1])
with torch.no_grad():
    print(f"{model(pixel_values, labels=torch.tensor([0, 1, 2])).loss:.4f}")
model = CvtForImageClassification.from_pretrained(sys.argv[1])
with torch.no_grad():
    several = model(pixel_values, labels=torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1]]), return_dict=False)
print(len(several), f"{several[0]:.4f}")
model = CvtForImageClassification.from_pretrained(sys.argv[1], num_labels=1, ignore_mismatched_sizes=True)
torch.nn.init.constant_(model.classifier.weight, 0.01)
torch.nn.init.constant_(model.classifier.bias, 0.1)
with torch.no_grad():
    print(f"{model(pixel_values, labels=torch.tensor([0.5, -1.0, 2.0])).loss:.4f}")
