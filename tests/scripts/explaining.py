"""Captum's gradient times activation at a layer, and a saliency map."""

import sys

import torch
from captum.attr import LayerGradientXActivation, Saliency
from transformers import CvtForImageClassification

torch.manual_seed(0)
model = CvtForImageClassification.from_pretrained(sys.argv[1])
pixel_values = torch.randn(2, 3, 64, 64)  # of one, PyTorch's gradients are wrong in transformers' network


def logits(pixels):
    return model(pixels).logits


layer = model.cvt.encoder.stages[1].layers[-1]
attribution = LayerGradientXActivation(logits, layer).attribute(pixel_values, target=2)
print(tuple(attribution.shape), f"{attribution.abs().sum().item():.3f}")
saliency = Saliency(logits).attribute(pixel_values.requires_grad_(), target=2)
print(tuple(saliency.shape), f"{saliency.sum().item():.3f}")
