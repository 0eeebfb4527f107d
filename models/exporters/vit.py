"""A plain vision transformer, as the target of adapters."""

import torch
from torch import nn
from transformers import ViTConfig, ViTModel

from . import lora
from .spec import Spec, draw_weights


class HiddenState(nn.Module):
    def __init__(self, vit):
        super().__init__()
        self.m = vit

    def forward(self, pixel_values):
        return self.m(pixel_values=pixel_values).last_hidden_state


def build(size):
    width, layers, heads, hidden, image, patch = dict(
        tiny=(24, 2, 3, 44, (16, 24), 8), depth=(48, 12, 12, 96, (32, 32), 16),
        full=(768, 12, 12, 3072, (224, 224), 16)
    )[size]
    config = ViTConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=hidden,
        image_size=image, patch_size=patch, attn_implementation="eager",
    )
    return draw_weights(ViTModel(config, add_pooling_layer=False), 17), image


def spec(size, wrap=lambda vit: vit):
    vit, image = build(size)
    pixels = torch.randn(2, 3, *image)
    return Spec(
        HiddenState(wrap(vit)).eval(), {"pixel_values": pixels}, ["last_hidden_state"], {"pixel_values": {0: "batch"}}
    )


BUILDERS = {
    "vit_base": spec,
    "vit_lora": lambda size: spec(size, lora.with_adapter(lora.QUERY_VALUE_ENCODER)),
    "vit_merged": lambda size: spec(size, lora.merged(lora.QUERY_VALUE_ENCODER)),
}
