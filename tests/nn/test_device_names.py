"""Devices by name."""

from __future__ import annotations

import pytest
import torch

from vivavoce.errors import RequestError
from vivavoce.nn.devices import pick


def test_the_cpu_is_always_there() -> None:
    assert pick() == pick("cpu") == pick(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("gpus", [0, 2])
def test_auto_takes_a_gpu_where_there_is_one(gpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpus)
    assert pick("auto") == torch.device("cuda" if gpus else "cpu")


def test_a_gpu_is_taken_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2)
    assert pick("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(RequestError, match="no cuda:2: this machine has 2 GPUs"):
        pick("cuda:2")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cuda", "no GPU that torch can use: take cpu or auto"),
        ("cuda:0", "no GPU that torch can use"),
        ("mps", "no Apple GPU"),
        ("gpu", "no device 'gpu'. Known: cpu, cuda"),
        ("cpu:1", "no device 'cpu:1'"),
        ("", "no device ''"),
    ],
)
def test_what_is_not_there_is_refused(
    name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, 0)
    with pytest.raises(RequestError, match=told):
        pick(name)


def machine(monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
