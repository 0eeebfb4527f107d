"""Models of transformers as modules with tensors in and out."""

from torch import nn

from ..spec import Spec, draw_weights


class Wrapped(nn.Module):
    """Passes positional inputs by the names of the model's arguments and returns the named fields of its result."""

    def __init__(self, model, arguments, fields):
        super().__init__()
        self.m, self.arguments, self.fields = model, arguments, fields

    def forward(self, *inputs):
        result = self.m(**dict(zip(self.arguments, inputs)))
        return tuple(result[field] for field in self.fields)


def spec(model, inputs, fields, seed):
    """A seed of None leaves the default weights."""
    model.config.return_dict = True
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    model = model if seed is None else draw_weights(model, seed)
    return Spec(Wrapped(model, list(inputs), fields), inputs, list(fields))
