"""What an exporter needs to know about one model."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor

SIZES = ("tiny", "depth", "full")


@dataclass
class Spec:
    """A module with example inputs.

    An input is a tensor or a list of tensors, which ONNX knows as `NAME.0`, `NAME.1`, ….
    """

    module: nn.Module
    inputs: dict
    outputs: list[str]
    # {input: {axis: name of the dimension}}
    dims: dict = field(default_factory=dict)

    def __post_init__(self):
        self.module.eval()

    def named_inputs(self):
        """Every tensor by its ONNX name."""
        named = {}
        for name, value in self.inputs.items():
            if isinstance(value, list):
                named |= {f"{name}.{i}": tensor for i, tensor in enumerate(value)}
            else:
                named[name] = value
        return named

    def run(self):
        """The outputs in PyTorch, by name."""
        with torch.no_grad():
            results = self.module(*self.inputs.values())
        results = [results] if isinstance(results, torch.Tensor) else results
        return dict(zip(self.outputs, results, strict=True))

    def to_half(self):
        """The same model in half precision."""
        def half(value):
            if isinstance(value, list):
                return [half(tensor) for tensor in value]
            return value.half() if value.is_floating_point() else value

        inputs = {name: half(value) for name, value in self.inputs.items()}
        return Spec(self.module.half(), inputs, self.outputs, self.dims)


Builder = Callable[[str], Spec]


def draw_weights(module, seed):
    """Default initialization leaves biases 0 and norms 1, which would hide their misuse."""
    generator = torch.Generator().manual_seed(1234 + seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            # Those without content get it where the file is written.
            if not p.is_floating_point() or p.ndim == 0 or isinstance(p, FakeTensor):
                continue
            noise = torch.randn(p.shape, generator=generator)
            if p.ndim >= 2:
                p.copy_(noise / math.sqrt(p[0].numel()))
            elif name.endswith("weight"):
                p.copy_(1 + 0.1 * noise)
            else:
                p.copy_(0.1 * noise)
        for name, b in module.named_buffers():
            # What batch normalization would have learnt.
            if name.endswith("running_mean"):
                b.copy_(0.1 * torch.randn(b.shape, generator=generator))
            elif name.endswith("running_var"):
                b.copy_(1 + 0.1 * torch.rand(b.shape, generator=generator))
    return module.eval()


def left_padded_mask(batch, length, padding):
    """1 where a token is, 0 in the first `padding` places of the last row."""
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[-1, :padding] = 0
    return mask
