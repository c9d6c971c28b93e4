"""A backbone's outputs: as a record, as a tuple, and every stage's map."""

import sys

import torch
from transformers import AutoModel, CvtModel

torch.manual_seed(0)
model = AutoModel.from_pretrained(sys.argv[1])
pixel_values = torch.randn(2, 3, 64, 96)
with torch.no_grad():
    outputs = model(pixel_values, output_hidden_states=True)
    as_tuple = CvtModel.from_pretrained(sys.argv[1])(pixel_values, return_dict=False)
print(list(outputs.keys()), len(as_tuple))
for name, value in (("map", outputs.last_hidden_state), ("cls", outputs["cls_token_value"]), ("first", outputs[0])):
    print(name, tuple(value.shape), f"{value.mean():.4f} {value.std():.4f}")
print(
    [tuple(state.shape) for state in outputs.hidden_states], [f"{state.std():.4f}" for state in outputs.hidden_states]
)
