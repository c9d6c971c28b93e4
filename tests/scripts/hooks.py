"""Forward hooks where people put them: on an embedding, a stage, a layer and the last norm."""

import sys

import torch
from transformers import CvtForImageClassification

torch.manual_seed(0)
model = CvtForImageClassification.from_pretrained(sys.argv[1])
heard = []


def listen(name, module):
    def hook(module, inputs, output):
        parts = output if isinstance(output, tuple) else (output,)
        shapes = [None if part is None else (tuple(part.shape), f"{part.std():.4f}") for part in parts]
        heard.append((name, [tuple(value.shape) if torch.is_tensor(value) else value for value in inputs], shapes))

    return module.register_forward_hook(hook)


stages = model.cvt.encoder.stages
handles = [
    listen("stem", stages[0].embedding),
    listen("stage", stages[1]),
    listen("last stage", stages[-1]),
    listen("layer", stages[2].layers[-1]),
    listen("norm", model.layernorm),
]
with torch.no_grad():
    model(torch.randn(1, 3, 64, 80))
for handle in handles:
    handle.remove()
for line in heard:
    print(*line)
print(len(stages), [len(stage.layers) for stage in stages], tuple(stages[-1].cls_token.shape))
