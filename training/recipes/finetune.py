"""Fine-tuning on a person's own photos, in folders named after their classes; a few dozen per class will do.

    python -m training.train --data my-photos --from bundled

Takes 20 seconds per thousand image passes of the bundled model on two CPU cores. The resolution becomes that of the
checkpoint. Labels are not smoothed: too few images are held out to fit a temperature that would mend the doubt
smoothing leaves behind.
"""

from ..recipe import Augmentation, Phase, Recipe

AUGMENTATION = Augmentation(crop_scale=(0.4, 1.0), warp=0.2, erase=0.1, mix=0.2)

RECIPE = Recipe(
    name="finetune",
    about_data="A person's own photos, in folders named after their classes.",
    stored_size=160,
    phases=(
        Phase(16, 128, 16, AUGMENTATION, label_smoothing=0.0),
        Phase(4, 128, 16, AUGMENTATION.clean(), label_smoothing=0.0),
    ),
    learning_rate=5e-4,
    warmup_epochs=1,
    ema_decay=0.99,
    held_out=0.15,
)
