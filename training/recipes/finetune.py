"""Fine-tuning on a person's own photos, in folders named after their classes; a few dozen per class will do.

    python -m training.train --data my-photos --from bundled

Takes a minute per thousand image passes at 128 px on two CPU cores. The resolution becomes that of the checkpoint.
"""

from training.recipe import Phase, Recipe

RECIPE = Recipe(
    name="finetune",
    about_data="A person's own photos, in folders named after their classes.",
    stored_size=160,
    phases=(Phase(16, 128, 16), Phase(4, 128, 16, clean=True)),
    learning_rate=5e-4,
    warmup_epochs=1,
    ema_decay=0.99,
    crop_scale=(0.4, 1.0),
    warp=0.2,
    erase=0.1,
    mix=0.2,
    held_out=0.15,
)
