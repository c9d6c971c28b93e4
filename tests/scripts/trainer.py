"""transformers' own Trainer, fed with preprocessed pictures."""

import sys
import tempfile

import numpy as np
import torch
from transformers import AutoImageProcessor, CvtForImageClassification
from transformers.trainer import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback

random = np.random.default_rng(3)
processor = AutoImageProcessor.from_pretrained(sys.argv[1])
model = CvtForImageClassification.from_pretrained(sys.argv[1])
pictures = list(random.integers(0, 256, (8, 70, 70, 3), dtype=np.uint8))
pixel_values = processor(pictures, return_tensors="pt")["pixel_values"]
data = [{"pixel_values": pixels, "labels": index % 3} for index, pixels in enumerate(pixel_values)]


def accuracy(prediction):
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder,
        per_device_train_batch_size=4,
        num_train_epochs=2,
        learning_rate=1e-3,
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=7,
        save_strategy="epoch",
        dataloader_pin_memory=False,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=data,
        eval_dataset=data,
        compute_metrics=accuracy,
        processing_class=processor,
    )
    trainer.remove_callback(PrinterCallback)  # it tells the time
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    print([f"{float(loss):.3f}" for loss in losses])
    told = trainer.evaluate()
    print(f"{told['eval_loss']:.3f} {told['eval_accuracy']:.3f}")
    trainer.save_model()
    with torch.no_grad():
        print([f"{value:.2f}" for value in model.eval()(pixel_values[:1]).logits[0].tolist()])
