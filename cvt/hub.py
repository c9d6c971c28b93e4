"""Files of Hugging Face Hub repositories: downloaded with a progress bar, or taken from the local cache.

Follows huggingface_hub's environment: ``HF_HOME`` and ``HF_HUB_CACHE`` (where the cache is), ``HF_HUB_OFFLINE``,
``HF_TOKEN``, ``HF_ENDPOINT``. Without a network the cache answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import errors
from tqdm import tqdm

from cvt.checkpoint_files import WEIGHTS_NAMES, find_weights, shard_names
from cvt.errors import CheckpointError

__all__ = ["cached_folder", "download_file", "download_model"]


def download_file(repo_id: str, filename: str, revision: str | None = None, bar: type[tqdm[Any]] | None = None) -> Path:
    """One file of a repository, in the local cache.

    Args:
        bar: what shows the progress, instead of a bar in the terminal.

    Raises:
        CheckpointError: the repository, the revision or the file does not exist or is not open to us, or there is no
            network and no cached copy.
    """
    path = _fetch(repo_id, filename, revision, bar)
    if path is None:
        raise CheckpointError(f"the Hub repository {_named(repo_id, revision)} has no file {filename}")
    return path


def download_model(
    repo_id: str,
    revision: str | None = None,
    bar: type[tqdm[Any]] | None = None,
    names: Sequence[str] = WEIGHTS_NAMES,
) -> Path:
    """The local folder that holds a repository's ``config.json`` and its weights, all of the same commit.

    Only the files that are needed are downloaded, and nothing that is in the cache already. ``names`` is what the
    weights may be called, the preferred name first.

    Raises:
        CheckpointError: as for :func:`download_file`, or the repository has no weights that can be read.
    """
    folder = download_file(repo_id, "config.json", revision, bar).parent
    if _is_complete(folder, names):
        return folder
    commit = folder.name
    for name in names:
        path = _fetch(repo_id, name, commit, bar)
        if path is None:
            continue
        if name.endswith(".index.json"):
            for shard in shard_names(path):
                download_file(repo_id, shard, commit, bar)
        return folder
    raise CheckpointError(f"the Hub repository {_named(repo_id, revision)} has no weights, none of {', '.join(names)}")


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


def _named(repo_id: str, revision: str | None) -> str:
    return repr(repo_id) if revision is None else f"{repo_id!r} at revision {revision!r}"


def _fetch(repo_id: str, filename: str, revision: str | None, bar: type[tqdm[Any]] | None) -> Path | None:
    """One file in the local cache, downloaded if need be; None if the repository does not have it."""
    try:
        if not isinstance(huggingface_hub.try_to_load_from_cache(repo_id, filename, revision=revision), str):
            _require_answer(repo_id, filename, revision)
        return Path(huggingface_hub.hf_hub_download(repo_id, filename, revision=revision, tqdm_class=bar))
    except CheckpointError:
        raise
    except errors.EntryNotFoundError:
        return None
    except errors.GatedRepoError as error:
        raise CheckpointError(
            f"{repo_id!r} is gated: ask for access on its page on the Hub, then log in (`hf auth login` or HF_TOKEN)"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(
            f"{repo_id!r} is neither a local folder nor a Hub repository that is open to you; check the spelling, and "
            "if it is private, log in (`hf auth login` or HF_TOKEN)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise CheckpointError(f"the Hub repository {repo_id!r} has no branch, tag or commit {revision!r}") from error
    except errors.HFValidationError as error:
        raise CheckpointError(f"{repo_id!r} is neither a local folder nor a valid Hub id ({error})") from error
    except Exception as error:  # the network library's own errors, a full disk, a broken-off transfer
        raise CheckpointError(
            f"downloading {filename} of {_named(repo_id, revision)} failed; try again ({type(error).__name__}: {error})"
        ) from error


def _require_answer(repo_id: str, filename: str, revision: str | None) -> None:
    """Fail at once if nobody answers: for a file without a cached copy, huggingface_hub would retry for minutes."""
    url = huggingface_hub.hf_hub_url(repo_id, filename, revision=revision)
    for attempt in range(2):  # the first may fail on a connection that was kept open for too long
        try:
            huggingface_hub.get_hf_file_metadata(url)
            return
        except (errors.HfHubHTTPError, errors.HFValidationError):
            raise
        except Exception as error:
            if attempt == 1:
                raise CheckpointError(
                    f"cannot fetch {filename} of {_named(repo_id, revision)}: the Hub does not answer, and there is no "
                    "copy in the local cache. Check the network and HF_HUB_OFFLINE, or load a local folder or 'bundled'"
                ) from error
