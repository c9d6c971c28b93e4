"""Outputs are read by name, by index and by unpacking, over the fields that are set."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from cvt.outputs import BaseModelOutputWithCLSToken, ImageClassifierOutput

FEATURES, CLS = torch.zeros(1, 4, 2, 2), torch.ones(1, 1, 4)
MAPS = (torch.zeros(1, 2, 4, 4), FEATURES)
LOSS, LOGITS = torch.zeros(()), torch.zeros(1, 5)


def test_the_documented_fields_in_their_order() -> None:
    assert [f.name for f in fields(BaseModelOutputWithCLSToken)] == [
        "last_hidden_state",
        "cls_token_value",
        "hidden_states",
        "attentions",
    ]
    assert [f.name for f in fields(ImageClassifierOutput)] == ["loss", "logits", "hidden_states", "attentions"]


def test_it_unpacks_as_a_tuple_of_what_is_set() -> None:
    output = BaseModelOutputWithCLSToken(FEATURES, CLS, hidden_states=MAPS)
    features, cls, maps = output
    assert features is FEATURES and cls is CLS and maps is MAPS
    assert output.to_tuple() == (FEATURES, CLS, MAPS)
    assert len(output) == 3
    assert output[0] is FEATURES and output[-1] is MAPS
    assert output[:2] == (FEATURES, CLS)


def test_fields_that_are_not_set_take_no_place() -> None:
    output = ImageClassifierOutput(logits=LOGITS)
    assert output[0] is LOGITS, "without labels there is no loss in front"
    assert output.loss is None
    assert len(output) == 1
    assert "loss" not in output


def test_it_reads_as_a_mapping() -> None:
    output = ImageClassifierOutput(loss=LOSS, logits=LOGITS)
    assert output["logits"] is LOGITS
    assert {**output} == {"loss": LOSS, "logits": LOGITS}
    assert output.keys() == ["loss", "logits"]
    assert output.values() == [LOSS, LOGITS]
    assert output.items() == [("loss", LOSS), ("logits", LOGITS)]
    assert "attentions" not in output
    with pytest.raises(KeyError, match="attentions"):
        _ = output["attentions"]
    with pytest.raises(IndexError):
        _ = output[2]
