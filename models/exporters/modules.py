"""What a model consists of, counted in PyTorch: parameters, and blocks that a compiler should find in its export."""

import collections

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

NORMS = {
    "layer_norm": (nn.LayerNorm,),
    "group_norm": (nn.GroupNorm,),
    "batch_norm": (nn.BatchNorm1d, nn.BatchNorm2d),
}
FUNCTIONS = {
    F.normalize: "l2_norm",
    F.gelu: "gelu", F.silu: "silu", F.relu: "relu", torch.relu: "relu", F.leaky_relu: "leaky_relu",
    torch.tanh: "tanh", torch.Tensor.tanh: "tanh", torch.sigmoid: "sigmoid",
}


class Calls(TorchFunctionMode):
    """Counts calls of activation functions and of L2 normalization, however a module makes them; the same of the same tensor once."""

    def __init__(self):
        super().__init__()
        # Tensors are kept, so that no other takes the identity of one.
        self.seen = {}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in FUNCTIONS:
            self.seen[FUNCTIONS[function], id(args[0])] = args[0]
        return function(*args, **(kwargs or {}))

    def counts(self):
        return collections.Counter(name for name, _ in self.seen)


def attends(module):
    """Whether a module is one attention block: of those nested in each other, the innermost."""
    def named_so(m):
        return isinstance(m, nn.MultiheadAttention) or type(m).__name__.endswith("Attention")

    return named_so(module) and not any(named_so(m) for m in module.modules() if m is not module)


def norm(module):
    for name, classes in NORMS.items():
        if isinstance(module, classes):
            return name
    return "rms_norm" if type(module).__name__.endswith("RMSNorm") else None


def run_counting(spec):
    """The modules that took part in a run, and the activations that it called."""
    used = []
    hooks = [m.register_forward_pre_hook(lambda m, _: used.append(m)) for m in spec.module.modules()]
    with Calls() as calls:
        spec.run()
    for hook in hooks:
        hook.remove()
    return used, calls.counts()


def count(spec):
    """Parameters and blocks of what the model runs; a shared parameter counts once."""
    used, activations = run_counting(spec)
    quick = sum(type(module).__name__ == "QuickGELUActivation" for module in used)
    if quick:
        # x * sigmoid(1.702 x)
        activations["quick_gelu"] = quick
        activations["sigmoid"] -= quick
    norms = collections.Counter(filter(None, map(norm, used)))
    if "l2_norm" in activations:
        norms["l2_norm"] = activations.pop("l2_norm")
    return {
        "parameters": sum(p.numel() for p in spec.module.parameters()),
        "attention": sum(map(attends, used)),
        "norms": dict(sorted(norms.items())),
        "activations": {name: n for name, n in sorted(activations.items()) if n},
    }
