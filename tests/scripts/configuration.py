"""A configuration read, changed, written and read again."""

import json
import sys
import tempfile
from pathlib import Path

from transformers import CvtConfig

config = CvtConfig.from_pretrained(sys.argv[1])
print(config.model_type, config.embed_dim, config.depth, config.num_labels, config.use_return_dict)
print(config.id2label[0], [config.id2label[index] for index in range(config.num_labels)], config.label2id)
config.update({"drop_rate": [0.1, 0.1, 0.1], "my_own": "kept"})
config.another = 3
print(config.drop_rate, config.my_own, config.another, hasattr(config, "nothing"))
told = json.loads(config.to_json_string())
print(told["my_own"], told["embed_dim"], told["id2label"])
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "config.json"
    config.to_json_file(path)
    read = CvtConfig.from_json_file(path)
    print(read.drop_rate, read.my_own, read.another, read.id2label)
    config.save_pretrained(folder)
    print(CvtConfig.from_pretrained(folder).to_dict()["another"])
fresh = CvtConfig(num_labels=3)
print(fresh.id2label, list(fresh.depth), CvtConfig().num_labels)
config.num_labels = 2
print(config.id2label)
