"""What from_pretrained is asked for in the wild."""

import sys

import torch
from transformers import AutoConfig, AutoModelForImageClassification

names = {0: "no", 1: "perhaps", 2: "yes", 3: "certainly"}
model, info = AutoModelForImageClassification.from_pretrained(
    pretrained_model_name_or_path=sys.argv[1],
    num_labels=4,
    id2label=names,
    label2id={name: index for index, name in names.items()},
    ignore_mismatched_sizes=True,
    output_loading_info=True,
    local_files_only=True,
    low_cpu_mem_usage=True,
)
print(model.classifier.out_features, model.config.label2id["yes"], model.training)
print(sorted(info["missing_keys"]), sorted(name for name, *_ in info["mismatched_keys"]))
for wanted in (torch.float32, torch.bfloat16, "auto"):
    loaded = AutoModelForImageClassification.from_pretrained(sys.argv[1], dtype=wanted)
    print(loaded.dtype, loaded.device, next(loaded.parameters()).dtype)
config = AutoConfig.from_pretrained(sys.argv[1], num_labels=2)
print(config.num_labels, config.id2label, AutoModelForImageClassification.from_config(config).num_parameters())
