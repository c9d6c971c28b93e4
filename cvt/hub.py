"""Files of Hugging Face Hub repositories: downloaded with a progress bar, or taken from the local cache.

Follows huggingface_hub's environment: ``HF_HOME`` and ``HF_HUB_CACHE`` (where the cache is), ``HF_HUB_OFFLINE``,
``HF_TOKEN``, ``HF_ENDPOINT``. Without a network the cache answers.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import errors
from tqdm import tqdm

from cvt.checkpoint_files import WEIGHTS_NAMES, find_weights, shard_names
from cvt.errors import CheckpointError, DownloadError

__all__ = ["HUB_DEFAULTS", "HubOptions", "at_commit", "cached_folder", "download_file", "download_model"]


@dataclass(frozen=True)
class HubOptions:
    """Which files of a repository, and how to come by them; the names are those of every ``from_pretrained``.

    Attributes:
        revision: branch, tag or commit.
        subfolder: the folder in the repository (or in a local folder) that holds the files.
        cache_dir: the local cache, instead of ``HF_HUB_CACHE``.
        force_download: download anew what is in the cache already.
        local_files_only: take what is in the cache, and never ask the network.
        token: a token of the Hub; True for the one that is logged in, False for none.
    """

    revision: str | None = None
    subfolder: str = ""
    cache_dir: str | Path | None = None
    force_download: bool = False
    local_files_only: bool = False
    token: str | bool | None = None

    @classmethod
    def take(cls, arguments: dict[str, Any]) -> HubOptions:
        """The options among the keyword arguments of a ``from_pretrained``, which are removed from them."""
        return cls(**{field.name: arguments.pop(field.name) for field in fields(cls) if field.name in arguments})


HUB_DEFAULTS = HubOptions()


def download_file(
    repo_id: str, filename: str, options: HubOptions = HUB_DEFAULTS, bar: type[tqdm[Any]] | None = None
) -> Path:
    """One file of a repository, in the local cache.

    Args:
        bar: what shows the progress, instead of a bar in the terminal.

    Raises:
        CheckpointError: the repository, the revision or the file does not exist or is not open to us, or there is no
            network and no cached copy.
    """
    path = _fetch(repo_id, filename, options, bar)
    if path is None and options.local_files_only:
        raise CheckpointError(
            f"{filename} of {_named(repo_id, options)} is not in the local cache, and local_files_only=True forbids a "
            "download"
        )
    if path is None:
        raise CheckpointError(f"the Hub repository {_named(repo_id, options)} has no file {filename}")
    return path


def download_model(
    repo_id: str,
    options: HubOptions = HUB_DEFAULTS,
    bar: type[tqdm[Any]] | None = None,
    names: Sequence[str] = WEIGHTS_NAMES,
) -> Path:
    """The local folder that holds a repository's ``config.json`` and its weights, all of the same commit.

    Only the files that are needed are downloaded, and nothing that is in the cache already. ``names`` is what the
    weights may be called, the preferred name first.

    Raises:
        CheckpointError: as for :func:`download_file`, or the repository has no weights that can be read.
    """
    config = download_file(repo_id, "config.json", options, bar)
    folder, options = config.parent, at_commit(options, config)
    if _is_complete(folder, names) and not options.force_download:
        return folder
    for name in names:
        path = _fetch(repo_id, name, options, bar)
        if path is None:
            continue
        if name.endswith(".index.json"):
            for shard in shard_names(path):
                download_file(repo_id, shard, options, bar)
        return folder
    where = " in the local cache" if options.local_files_only else ""
    raise CheckpointError(
        f"the Hub repository {_named(repo_id, options)} has no weights{where}, none of {', '.join(names)}"
    )


def at_commit(options: HubOptions, config: Path) -> HubOptions:
    """The options with the commit that a downloaded ``config.json`` is of, so that all else comes from the same."""
    depth = len(Path(options.subfolder).parts)
    return replace(options, revision=config.parents[depth].name)


def cached_folder(repo_id: str, revision: str | None = None) -> Path | None:
    """The local folder with the configuration and all weights of a model that was downloaded before, else None.

    No network is touched; loading from this folder never waits for one, and never sees a newer commit.
    """
    try:
        config = huggingface_hub.try_to_load_from_cache(repo_id, "config.json", revision=revision)
    except errors.HFValidationError:
        return None
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return folder if _is_complete(folder) else None


def _is_complete(folder: Path, names: Sequence[str] = WEIGHTS_NAMES) -> bool:
    weights = find_weights(folder, names)
    return weights is not None and all(path.is_file() for path in weights)


def _named(repo_id: str, options: HubOptions) -> str:
    folder = f" (folder {options.subfolder})" if options.subfolder else ""
    return (
        f"{repo_id!r}{folder}" if options.revision is None else f"{repo_id!r}{folder} at revision {options.revision!r}"
    )


def _fetch(repo_id: str, filename: str, options: HubOptions, bar: type[tqdm[Any]] | None) -> Path | None:
    """One file in the local cache, downloaded if need be; None if the repository (or the cache) does not have it."""
    path = f"{options.subfolder}/{filename}" if options.subfolder else filename
    try:
        if not options.local_files_only and (options.force_download or not _is_cached(repo_id, path, options)):
            _require_answer(repo_id, path, options)
        return Path(
            huggingface_hub.hf_hub_download(
                repo_id,
                path,
                revision=options.revision,
                cache_dir=options.cache_dir,
                force_download=options.force_download,
                local_files_only=options.local_files_only,
                token=options.token,
                tqdm_class=bar,
            )
        )
    except CheckpointError:
        raise
    except errors.EntryNotFoundError:
        return None
    except errors.GatedRepoError as error:
        raise DownloadError(
            f"{repo_id!r} is gated: ask for access on its page on the Hub, then log in (`hf auth login` or HF_TOKEN)",
            "closed",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DownloadError(
            f"{repo_id!r} is neither a local folder nor a Hub repository that is open to you; check the spelling, and "
            "if it is private, log in (`hf auth login` or HF_TOKEN)",
            "closed",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DownloadError(
            f"the Hub repository {repo_id!r} has no branch, tag or commit {options.revision!r}", "closed"
        ) from error
    except errors.HFValidationError as error:
        raise DownloadError(f"{repo_id!r} is neither a local folder nor a valid Hub id ({error})", "closed") from error
    except Exception as error:  # the network library's own errors, a full disk, a broken-off transfer
        is_full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        raise DownloadError(
            f"downloading {filename} of {_named(repo_id, options)} failed; try again ({type(error).__name__}: {error})",
            "full" if is_full else "broken",
        ) from error


def _is_cached(repo_id: str, path: str, options: HubOptions) -> bool:
    cached = huggingface_hub.try_to_load_from_cache(
        repo_id, path, revision=options.revision, cache_dir=options.cache_dir
    )
    return isinstance(cached, str)


def _require_answer(repo_id: str, path: str, options: HubOptions) -> None:
    """Fail at once if nobody answers: for a file without a cached copy, huggingface_hub would retry for minutes."""
    url = huggingface_hub.hf_hub_url(repo_id, path, revision=options.revision)
    for attempt in range(2):  # the first may fail on a connection that was kept open for too long
        try:
            metadata = huggingface_hub.get_hf_file_metadata(url, token=options.token)
            break
        except (errors.HfHubHTTPError, errors.HFValidationError):
            raise
        except Exception as error:
            if attempt == 1:
                raise DownloadError(
                    f"cannot fetch {path} of {_named(repo_id, options)}: the Hub does not answer, and there is no "
                    "copy in the local cache. Check the network and HF_HUB_OFFLINE, or load a local folder or "
                    "'bundled'",
                    "offline",
                ) from error
    if metadata.commit_hash is None:
        raise DownloadError(
            f"cannot fetch {path} of {_named(repo_id, options)}: something else answers in the Hub's place, perhaps a "
            "page on which to sign in to the network",
            "offline",
        )
