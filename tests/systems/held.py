"""How much memory is in use."""

from __future__ import annotations

import gc
import tracemalloc

import torch


def held() -> int:
    """Bytes of all tensors that are alive, and of what Python and numpy hold (tracemalloc)."""
    tensors = [x for x in gc.get_objects() if type(x) is torch.Tensor]
    stores = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(stores.values()) + tracemalloc.get_traced_memory()[0]
