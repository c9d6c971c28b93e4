"""What every CvT network has in common: a configuration, and the ways in from a checkpoint and back out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn

from cvt.checkpoint import load_model
from cvt.checkpoint_keys import detect_layout, to_ours
from cvt.checkpoint_saving import save_model
from cvt.config import CvtConfig
from cvt.errors import ConfigError
from cvt.hub import HubOptions
from cvt.outputs import BaseModelOutputWithCLSToken, GatheredOutput, ImageClassifierOutput
from cvt.publishing import Publishable, publish_folder

__all__ = ["CvtPreTrainedModel"]

Output = TypeVar("Output", BaseModelOutputWithCLSToken, ImageClassifierOutput)


class CvtPreTrainedModel(nn.Module, Publishable):
    """Base of :class:`~cvt.CvtModel` and :class:`~cvt.CvtForImageClassification`.

    ``state_dict()`` gives our names, which are transformers' down to a layer; ``load_state_dict`` takes ours,
    transformers' and Microsoft's.

    Raises:
        ConfigError: the configuration is not valid.
    """

    config_class = CvtConfig
    base_model_prefix = "cvt"
    main_input_name = "pixel_values"

    def __init__(self, config: CvtConfig) -> None:
        super().__init__()
        if not isinstance(config, CvtConfig):
            raise ConfigError(f"config={config!r} must be a cvt.CvtConfig")
        config.validate()
        self.config = config
        self.is_gradient_checkpointing = False

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        config: CvtConfig | str | None = None,
        dtype: torch.dtype | str | None = None,
        torch_dtype: torch.dtype | str | None = None,
        device_map: str | int | torch.device | Mapping[str, Any] | None = None,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        use_safetensors: bool | None = None,
        revision: str | None = None,
        subfolder: str = "",
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        low_cpu_mem_usage: bool | None = None,
        trust_remote_code: bool | None = None,
        **config_overrides: Any,
    ) -> Self:
        """Load a published, saved or bundled model, in evaluation mode.

        Args:
            pretrained_model_name_or_path: "bundled", a Hub id ("microsoft/cvt-13"), a folder in transformers' layout,
                or a ``.safetensors``, ``.bin`` or ``.pth`` file; the last may be Microsoft's own.
            config: a configuration or a preset's name; needed for a bare weights file whose architecture its shapes
                do not settle.
            dtype: floating-point type of the model; "auto" for the one the checkpoint is stored in, float32 by default.
            torch_dtype: the older name of ``dtype``.
            device_map: the device to load to: "auto" (a GPU where there is one), a device, or ``{"": device}``.
            ignore_mismatched_sizes: keep the fresh initialisation of a classification head whose number of classes
                differs, for fine-tuning; nothing else may differ.
            output_loading_info: return ``(model, info)``, where ``info`` has the sets "missing_keys",
                "unexpected_keys" and "mismatched_keys".
            use_safetensors: read safetensors alone if True, and pickles of tensors alone if False.
            revision: branch, tag or commit of a Hub repository.
            subfolder: folder within the repository or the local folder.
            cache_dir: where downloads are kept.
            force_download: download what is in the cache anew.
            local_files_only: never ask the network.
            token: a token of the Hub; True for the one that is logged in.
            low_cpu_mem_usage, trust_remote_code: accepted, and without effect: loading never takes memory twice, and
                never runs code of a repository.
            config_overrides: configuration fields that win over the file's, such as ``num_labels`` and ``id2label``.

        Raises:
            CheckpointError: nothing is found, it cannot be read or trusted, or its tensors do not fit.
            ConfigError: the configuration is not valid, or there is no such argument.
        """
        if None not in (dtype, torch_dtype) and dtype != torch_dtype:
            raise ConfigError(f"dtype={dtype!r} and torch_dtype={torch_dtype!r} are two names of one thing; give one")
        model, info = load_model(
            cls,
            pretrained_model_name_or_path,
            config=config,
            dtype=torch_dtype if dtype is None else dtype,
            device_map=device_map,
            use_safetensors=use_safetensors,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
            options=HubOptions(revision, subfolder, cache_dir, force_download, local_files_only, token),
            **config_overrides,
        )
        return (model, info) if output_loading_info else model  # type: ignore[return-value]

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        safe_serialization: bool = True,
        max_shard_size: int | str = "50GB",
        state_dict: Mapping[str, Tensor] | None = None,
        is_main_process: bool = True,
        push_to_hub: bool = False,
        repo_id: str | None = None,
        **publishing: Any,
    ) -> None:
        """Write ``config.json`` and ``model.safetensors`` into a folder, in the layout of transformers.

        transformers computes with exact GELU whatever ``hidden_act`` says, so only a ``"gelu"`` model gives the same
        logits there.

        Args:
            save_directory: the folder, made if missing. Weights of other names in it are deleted, being stale.
            safe_serialization: if False, ``pytorch_model.bin``, a pickle, instead.
            max_shard_size: weights larger than this many bytes ("200MB") are split, and an index written.
            state_dict: tensors to write instead of the model's own, under the same names.
            is_main_process: write nothing if False; for training in several processes.
            push_to_hub: publish the folder too, as :meth:`push_to_hub` does, in ``repo_id`` or a repository that is
                called as the folder; ``publishing`` are its arguments.

        Raises:
            CheckpointError: the folder cannot be written, or not be published.
            ConfigError: ``max_shard_size`` is no size.
        """
        if not is_main_process:
            return
        if publishing and not push_to_hub:
            raise ConfigError(f"{', '.join(sorted(publishing))}: no argument of save_pretrained")
        folder = Path(save_directory)
        tensors = {self._full_name(name): tensor for name, tensor in (state_dict or self.state_dict()).items()}
        save_model(tensors, self.config, folder, safe_serialization=safe_serialization, max_shard_size=max_shard_size)
        if push_to_hub:
            publish_folder(folder, repo_id or folder.absolute().name, **publishing)

    def gradient_checkpointing_enable(self, gradient_checkpointing_kwargs: Mapping[str, Any] | None = None) -> None:
        """Compute each layer's activations again in the backward pass instead of keeping them: less memory, more time.

        ``gradient_checkpointing_kwargs`` is accepted, and without effect: there is one way, without reentrance.
        """
        self._set_checkpointing(True)

    def gradient_checkpointing_disable(self) -> None:
        """Keep activations for the backward pass, as at first."""
        self._set_checkpointing(False)

    def activation_checkpointing_enable(
        self,
        activation_checkpointing_kwargs: Mapping[str, Any] | None = None,
        every_n_layers: int = 1,
        offload: bool = False,
    ) -> None:
        """transformers' newer name of :meth:`gradient_checkpointing_enable`.

        Raises:
            ConfigError: only some layers are to be checkpointed, or activations kept elsewhere.
        """
        if every_n_layers != 1 or offload:
            raise ConfigError(
                f"every_n_layers={every_n_layers!r}, offload={offload!r}: every layer is checkpointed here"
            )
        self._set_checkpointing(True)

    activation_checkpointing_disable = gradient_checkpointing_disable

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the parameters."""
        return next(self.parameters()).dtype

    @property
    def base_model(self) -> nn.Module:
        """The :class:`~cvt.CvtModel`: this one, or the one within."""
        return getattr(self, self.base_model_prefix, self)

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """How many numbers are learned. ``exclude_embeddings`` is without effect: there is no table of embeddings."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not only_trainable)

    def _set_checkpointing(self, value: bool) -> None:
        for module in self.modules():
            if hasattr(module, "is_gradient_checkpointing"):
                module.is_gradient_checkpointing = value  # type: ignore[assignment]

    def _default(self, value: bool | None, name: str) -> bool:
        return bool(getattr(self.config, name)) if value is None else value

    def _given(self, output: Output, return_dict: bool | None) -> Output | tuple[Any, ...]:
        """An output in the form that is asked for; a replica of DataParallel gives a dictionary."""
        if not self._default(return_dict, "return_dict"):
            return output.to_tuple()
        return GatheredOutput(output.items()) if getattr(self, "_is_replica", False) else output  # type: ignore[return-value]

    def _full_name(self, name: str) -> str:
        """Our name of a tensor in a classifier, which the key maps know."""
        return name if self.base_model is not self else f"cvt.{name}"

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        """PyTorch's own step of loading, after tensors in another layout have got our names."""
        names = [name.removeprefix(prefix) for name in state_dict if name.startswith(prefix)]
        layout = detect_layout(islice((name for name in names if "stage" in name), 40))
        if layout not in (None, "ours"):
            for name in names:
                ours = to_ours(name, layout)
                if ours is not None:
                    own = ours if self.base_model is not self else ours.removeprefix("cvt.")
                    state_dict[prefix + own] = state_dict.pop(prefix + name)
        super()._load_from_state_dict(state_dict, prefix, *arguments)
