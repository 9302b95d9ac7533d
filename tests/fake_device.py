"""A GPU for tests on machines without one: it computes on the CPU and refuses what a GPU refuses.

Inside `FakeGpu()`, tensors that are sent to `FAR` ("cuda:0") stay on the CPU but are marked. As
with CUDA, an operation that mixes them with tensors of the CPU raises, so does `.numpy()` of them,
and `.device` says `FAR`. What CUDA allows is allowed: scalars (tensors without dimensions) of the
CPU, indices on the CPU, and copies from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode

FAR = torch.device("cuda", 0)
"""The device that is pretended to be there."""
_COPIES = {
    Tensor.copy_, Tensor.__setitem__, Tensor.expand_as, Tensor.view_as, Tensor.reshape_as,
    Tensor.data.__set__, Tensor.grad.__set__, torch._has_compatible_shallow_copy_type,
}  # fmt: skip
"""Operations that two devices may meet in."""
_TO_NUMPY = {Tensor.numpy, Tensor.__array__, Tensor.__dlpack__}


class FakeGpu(TorchFunctionMode):
    """The block in which `FAR` is there."""

    def __init__(self) -> None:
        super().__init__()
        self._far: dict[int, StorageWeakRef] = {}  # a weak reference keeps its number from reuse

    def is_far(self, tensor: Tensor) -> bool:
        """Whether the tensor lies on the pretended device."""
        return tensor.layout == torch.strided and tensor.untyped_storage()._cdata in self._far

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func == Tensor.device.__get__:
            return FAR if self.is_far(args[0]) else func(*args)
        if func == Tensor.is_cuda.__get__:
            return self.is_far(args[0])
        if func in (Tensor.to, Tensor.cpu, Tensor.cuda, Tensor.type_as):
            return self._moved(func, args, kwargs)
        if func in _TO_NUMPY and self.is_far(args[0]):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu()")
        wanted = kwargs.get("device")
        if wanted is not None:
            kwargs["device"] = "cpu"
            if isinstance(kwargs.get("generator"), torch.Generator) and _is_far(wanted):
                raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        given = list(_tensors((args, kwargs)))
        far = any(map(self.is_far, given))
        if far and func not in _COPIES:
            self._refuse_mixture(func, given, args)
        made = func(*args, **kwargs)
        if (far and wanted is None and func not in _COPIES) or _is_far(wanted):
            self._mark(made)
        return made

    def _moved(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        tensor, rest = args[0], list(args[1:])
        target: Any = None
        for i, value in enumerate(rest):
            if isinstance(value, Tensor):
                target = FAR if self.is_far(value) else "cpu"
            elif isinstance(value, torch.device | str):
                target, rest[i] = value, "cpu"
        if kwargs.get("device") is not None:
            target, kwargs["device"] = kwargs["device"], "cpu"
        target = {Tensor.cpu: "cpu", Tensor.cuda: FAR}.get(func, target)  # type: ignore[call-overload]
        was, will = self.is_far(tensor), None if target is None else _is_far(target)
        if func is Tensor.cuda:
            func, rest = Tensor.to, ["cpu"]
        made = func(tensor, *rest, **kwargs)
        if will is not None and will != was and _shares(made, tensor):
            made = made.detach().clone() if not made.requires_grad else made.clone()
        if will if will is not None else was:
            self._mark(made)
        return made

    def _refuse_mixture(self, func: Callable[..., Any], given: list[Tensor], args: Any) -> None:
        near = [t for t in given if not self.is_far(t) and t.dim() > 0]
        if func is Tensor.__getitem__ and self.is_far(args[0]):
            near = []  # indices may be on the CPU
        if near:
            name = getattr(func, "__name__", str(func))
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"cuda:0 and cpu! (in {name})"
            )

    def _mark(self, made: Any) -> None:
        for tensor in _tensors(made):
            if tensor.layout == torch.strided:
                storage = tensor.untyped_storage()
                self._far[storage._cdata] = StorageWeakRef(storage)


def _is_far(device: Any) -> bool:
    return device is not None and torch.device(device).type == FAR.type


def _shares(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage()._cdata == other.untyped_storage()._cdata


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict):
        yield from _tensors(list(tree.values()))
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _tensors(value)
