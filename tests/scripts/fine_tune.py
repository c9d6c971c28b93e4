"""A frozen backbone with a new head, then two groups of parameters, mixed precision and channels last."""

import sys

import torch
from torch.optim import SGD
from transformers import CvtForImageClassification

torch.manual_seed(0)
pixel_values = torch.randn(4, 3, 64, 64)
labels = torch.tensor([0, 2, 1, 2])
model = CvtForImageClassification.from_pretrained(sys.argv[1])
for name, parameter in model.named_parameters():
    if name.startswith("cvt."):
        parameter.requires_grad = False
print(sorted(name for name, parameter in model.named_parameters() if parameter.requires_grad))
model.cvt.requires_grad_(True)
groups = [{"params": model.cvt.parameters(), "lr": 1e-3}, {"params": model.classifier.parameters(), "lr": 1e-2}]
optimizer = SGD(groups)
print([sum(parameter.numel() for parameter in group["params"]) for group in optimizer.param_groups])
model.train()
for _ in range(3):
    loss = model(pixel_values, labels=labels).loss
    loss.backward()
    print(f"{loss.item():.4f} {model.classifier.weight.grad.norm().item():.3f}")
    optimizer.step()
    optimizer.zero_grad()
model = model.eval().to(memory_format=torch.channels_last)
with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
    logits = model(pixel_values.to(memory_format=torch.channels_last)).logits
print(logits.argmax(-1).tolist())
print([f"{value:.4f}" for value in model(pixel_values).logits[0].tolist()])
