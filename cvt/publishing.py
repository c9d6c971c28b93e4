"""Publishing what ``save_pretrained`` writes on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import huggingface_hub

from cvt.errors import CheckpointError

__all__ = ["Publishable", "publish_folder"]


def publish_folder(
    folder: Path,
    repo_id: str,
    *,
    commit_message: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
) -> str:
    """Upload the files of a folder into a model repository of the Hub, which is made if missing.

    Args:
        folder: what to upload.
        repo_id: the repository, ``"name"`` or ``"owner/name"``.
        commit_message: "Upload model" and the like, if not given.
        private: whether a new repository is hidden from others.
        token: a token of the Hub that may write; the one that is logged in by default.
        revision: branch to commit to.
        create_pr: open a pull request instead of committing.

    Returns:
        The address of the commit or of the pull request.

    Raises:
        CheckpointError: the Hub does not answer, or refuses.
    """
    api = huggingface_hub.HfApi(token=token)
    try:
        repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        info = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            commit_message=commit_message or f"Upload {', '.join(sorted(path.name for path in folder.iterdir()))}",
            revision=revision,
            create_pr=create_pr,
        )
    except Exception as error:  # the network library's own errors
        raise CheckpointError(
            f"publishing {repo_id!r} failed; a login with leave to write is needed (`hf auth login` or HF_TOKEN) "
            f"({type(error).__name__}: {error})"
        ) from error
    return str(info.pr_url if create_pr and info.pr_url else info.commit_url)


class Publishable:
    """Adds ``push_to_hub`` to what has a ``save_pretrained``."""

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        **save_options: Any,
    ) -> str:
        """Publish what ``save_pretrained`` writes, in a repository of the Hub, which is made if missing.

        Args: as :func:`publish_folder`; ``save_options`` are those of ``save_pretrained``.

        Returns:
            The address of the commit or of the pull request.

        Raises:
            CheckpointError: the Hub does not answer, or refuses.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, **save_options)  # type: ignore[attr-defined]
            return publish_folder(
                Path(folder),
                repo_id,
                commit_message=commit_message,
                private=private,
                token=token,
                revision=revision,
                create_pr=create_pr,
            )
