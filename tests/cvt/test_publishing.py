"""Publishing on the Hub, against a stand-in on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cvt.config import CvtConfig
from cvt.errors import CheckpointError, ConfigError
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from tests.cvt.stand_in_hub import StandInHub

ID = "someone/cvt-small"


def test_what_is_published_loads_again(stand_in: StandInHub, classifier: CvtForImageClassification) -> None:
    address = classifier.push_to_hub(ID, token="may-write", commit_message="Trained longer", max_shard_size="40KB")
    assert address == f"{stand_in.url}/{ID}/commit/{stand_in.refs[ID, 'main']}"
    assert stand_in.messages == ["Trained longer"]
    published = stand_in.files[ID, stand_in.refs[ID, "main"]]
    assert {"config.json", "model.safetensors.index.json"} < published.keys()
    loaded = CvtForImageClassification.from_pretrained(ID)
    for name, tensor in classifier.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_configurations_and_preprocessing_are_published_too(stand_in: StandInHub) -> None:
    CvtConfig(num_labels=7).push_to_hub("someone/config", token="may-write")
    assert CvtConfig.from_pretrained("someone/config").num_labels == 7
    CvtImageProcessor(size=99).push_to_hub("someone/processor", token="may-write", revision="next")
    assert CvtImageProcessor.from_pretrained("someone/processor", revision="next").resolution == 99
    assert stand_in.messages == ["Upload config.json", "Upload preprocessor_config.json"]


def test_saving_may_publish(stand_in: StandInHub, classifier: CvtForImageClassification, tmp_path: Path) -> None:
    classifier.save_pretrained(tmp_path / "my-cvt", push_to_hub=True, token="may-write", private=True)
    assert stand_in.files["me/my-cvt", stand_in.refs["me/my-cvt", "main"]].keys() == {
        "config.json",
        "model.safetensors",
    }


@pytest.mark.parametrize("token", ["stolen", False])
def test_a_refusal_is_told(stand_in: StandInHub, classifier: CvtForImageClassification, token: str | bool) -> None:
    with pytest.raises(CheckpointError, match=rf"publishing '{ID}' failed; a login with leave to write is needed"):
        classifier.push_to_hub(ID, token=token)
    assert not stand_in.files


def test_arguments_of_publishing_need_publishing(classifier: CvtForImageClassification, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="private: no argument of save_pretrained"):
        classifier.save_pretrained(tmp_path / "new", private=True)
    assert not (tmp_path / "new").exists()
