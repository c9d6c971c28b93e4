"""Tiny-ImageNet (200 classes, 100,000 training images) at 64 px, for a GPU.

    python -m training.train --recipe tiny_imagenet --data TINY_IMAGENET

Grids of 32, 16 and 8 tokens a side, 5.4 M parameters. Published small transformers trained from scratch reach 57 to
67 % top-1 here. This recipe is written for one modern GPU and has not been run to its end yet: its hours and its
accuracy are not known.
"""

from ..recipe import Augmentation, Phase, Recipe

AUGMENTATION = Augmentation(colour=0.4, warp=0.5, mix=0.8)

RECIPE = Recipe(
    name="tiny_imagenet",
    about_data="Tiny-ImageNet: 200 of ImageNet's classes, 500 training and 50 validation images each, 64 × 64 pixels. "
    "The images are ImageNet's, whose terms allow non-commercial research and education.",
    license="apache-2.0",
    stored_size=64,
    phases=(
        Phase(60, 48, 512, AUGMENTATION),
        Phase(120, 64, 512, AUGMENTATION),
        Phase(
            20, 64, 512, AUGMENTATION, label_smoothing=0.0, restart=0.3
        ),  # what made Imagenette's probabilities honest
    ),
    architecture={
        "patch_sizes": (5, 3, 3),
        "patch_stride": (2, 2, 2),
        "patch_padding": (2, 1, 1),
        "embed_dim": (64, 128, 256),
        "num_heads": (1, 2, 4),
        "depth": (1, 2, 6),
        "drop_path_rate": (0.0, 0.0, 0.1),
    },
    optimizer="muon",
    learning_rate=2e-3,
    warmup_epochs=10,
    ema_decay=0.9995,
    held_out=0.02,
    compiled=True,
)
