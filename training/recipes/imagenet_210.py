"""210 of ImageNet's classes at 64 px, on a CPU: Tiny-ImageNet's 200 and Imagenette's 10, which have none in common.

    python -m training.train --recipe imagenet_210 --data TINY_IMAGENET IMAGENETTE

Each of the two is a folder of Parquet shards with ``labels.json``, or of class folders named in words under ``train``
and ``val``. On few cores begin the line with ``torchrun --nproc-per-node 2 -m`` instead of ``python -m``.

Grids of 24, 12 and 6 tokens a side at the 48 px it is used at, 2.3 M parameters. Everything is brought to 64 px first
and every class gives an epoch equally many images, so that neither size nor number gives Imagenette's classes away; the
traces of JPEG still do. CvT has no positional encoding, so most is learnt at 24 and 32 px, where a step costs a seventh
to a quarter. Two cores of an AMD EPYC, shared with other work, took 4.8 hours.
"""

from ..recipe import Augmentation, Phase, Recipe

LITTLE = Augmentation(crop_scale=(0.5, 1.0), colour=0.1).clean()  # so few epochs underfit

RECIPE = Recipe(
    name="imagenet_210",
    about_data="Tiny-ImageNet (200 of ImageNet's classes, 500 training images each, 64 × 64 pixels) and Imagenette "
    "(github.com/fastai/imagenette, ten more classes, its photos brought to 64 × 64 pixels). The images are "
    "ImageNet's, whose terms allow non-commercial research and education. Tiny-ImageNet's pictures bear the traces of "
    "JPEG and Imagenette's, brought to 64 pixels for this training, do not. The network has learnt that: on large "
    "photos it favours Imagenette's ten classes.",
    license="apache-2.0",
    stored_size=64,
    per_class=490,
    phases=(
        Phase(2, 24, 256, LITTLE, label_smoothing=0.0),
        Phase(6, 32, 256, LITTLE, label_smoothing=0.0),
        Phase(1, 48, 256, LITTLE, label_smoothing=0.0),
        Phase(8, 32, 256, LITTLE, label_smoothing=0.0, restart=0.75),
        Phase(2, 48, 256, LITTLE, label_smoothing=0.0),
    ),
    architecture={
        "patch_sizes": (7, 3, 3),
        "patch_stride": (2, 2, 2),
        "patch_padding": (3, 1, 1),
        "embed_dim": (32, 96, 192),
        "num_heads": (1, 3, 6),
        "depth": (1, 2, 4),
        "drop_path_rate": (0.0, 0.0, 0.05),
    },
    optimizer="muon",
    learning_rate=4e-3,
    warmup_epochs=0.5,
    ema_decay=0.998,
    held_out=0.02,
)
