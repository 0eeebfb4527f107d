"""Classifiers, segmentation, saliency, video and super-resolution."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    MobileViTConfig, MobileViTForImageClassification, SegformerConfig, SegformerForSemanticSegmentation, SwinConfig,
    SwinForImageClassification,
)

from ..spec import Spec, draw_weights
from .wrapped import spec


class MicronNet(nn.Module):
    """Traffic signs; pools whose last window reaches over the edge."""

    def __init__(self):
        super().__init__()
        self.c0, self.c1 = nn.Conv2d(3, 1, 1), nn.Conv2d(1, 13, 5)
        self.norm = nn.BatchNorm2d(13)
        self.c2, self.c3 = nn.Conv2d(13, 17, 3), nn.Conv2d(17, 19, 3)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.fc1, self.fc2 = nn.Linear(19 * 4 * 4, 40), nn.Linear(40, 43)

    def forward(self, x):
        x = self.pool(self.norm(F.relu(self.c1(self.c0(x)))))
        x = self.pool(F.relu(self.c2(x)))
        x = self.pool(F.relu(self.c3(x)))
        return F.log_softmax(self.fc2(F.relu(self.fc1(torch.flatten(x, 1)))), dim=1)


class MsiNet(nn.Module):
    """Two depthwise paths, and statistics over places."""

    def __init__(self, channels):
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 7, stride=2, padding=3)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.norm = nn.InstanceNorm2d(channels, affine=True)
        self.small = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.large = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.gate, self.mix = nn.Conv2d(2 * channels, 2 * channels, 1), nn.Conv2d(2 * channels, 2 * channels, 1)
        self.power = nn.Parameter(torch.ones(1) * 3)
        self.out = nn.BatchNorm1d(2 * channels)

    def forward(self, x):
        x = self.norm(self.pool(F.relu(self.stem(x))))
        x = torch.cat([self.small(x), self.large(x)], 1)
        gate = F.softmax(self.gate(F.adaptive_avg_pool2d(x, 1)).flatten(1), dim=1)[:, :, None, None]
        x = self.mix(F.relu(x) * gate)
        # The generalized mean of each channel.
        x = F.avg_pool2d(x.clamp(min=1e-6).pow(self.power), (x.size(-2), x.size(-1))).pow(1.0 / self.power)
        return self.out(x.flatten(1))


class DenseBlock(nn.Module):
    def __init__(self, width, growth):
        super().__init__()
        self.convs = nn.ModuleList([
            nn.Conv2d(width + i * growth, width if i == 4 else growth, 3, padding=1) for i in range(5)
        ])

    def forward(self, x):
        seen = [x]
        for conv in self.convs[:-1]:
            seen.append(F.leaky_relu(conv(torch.cat(seen, 1)), 0.2))
        return self.convs[-1](torch.cat(seen, 1)) * 0.2 + x


class RealEsrGan(nn.Module):
    def __init__(self, width, growth):
        super().__init__()
        self.first = nn.Conv2d(12, width, 3, padding=1)
        self.groups = nn.ModuleList([nn.Sequential(*(DenseBlock(width, growth) for _ in range(3))) for _ in range(2)])
        self.body, self.up1, self.up2, self.high = (nn.Conv2d(width, width, 3, padding=1) for _ in range(4))
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x):
        x = self.first(F.pixel_unshuffle(x, 2))
        y = x
        for group in self.groups:
            y = group(y) * 0.2 + y
        x = x + self.body(y)
        for up in (self.up1, self.up2):
            x = F.leaky_relu(up(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return self.last(F.leaky_relu(self.high(x), 0.2))


class SlowFast(nn.Module):
    """Few frames with many channels beside many frames with few."""

    def __init__(self):
        super().__init__()
        self.slow1 = nn.Conv3d(3, 10, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3))
        self.fast1 = nn.Conv3d(3, 3, (5, 7, 7), stride=(1, 2, 2), padding=(2, 3, 3))
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1))
        self.lateral = nn.Conv3d(3, 6, (5, 1, 1), stride=(8, 1, 1), padding=(2, 0, 0))
        self.slow2 = nn.Conv3d(16, 12, (1, 3, 3), padding=(0, 1, 1))
        self.fast2 = nn.Conv3d(3, 5, 3, padding=1)
        self.out = nn.Linear(17, 7)
        self.register_buffer("few", torch.tensor([0, 8]))

    def forward(self, video):
        slow = self.pool(F.relu(self.slow1(video.index_select(2, self.few))))
        fast = self.pool(F.relu(self.fast1(video)))
        slow = F.relu(self.slow2(torch.cat([slow, self.lateral(fast)], 1)))
        fast = F.relu(self.fast2(fast))
        pooled = [F.adaptive_avg_pool3d(x, 1).flatten(1) for x in (slow, fast)]
        return F.softmax(self.out(torch.cat(pooled, 1)), dim=1)


def micronnet():
    return Spec(draw_weights(MicronNet(), 60), {"image": torch.randn(1, 3, 48, 48)}, ["log_probs"])


def msinet():
    return Spec(draw_weights(MsiNet(10), 61), {"image": torch.randn(1, 3, 32, 48)}, ["features"])


def realesrgan():
    return Spec(draw_weights(RealEsrGan(10, 5), 62), {"image": torch.randn(1, 3, 12, 16)}, ["larger"])


def slowfast():
    return Spec(draw_weights(SlowFast(), 63), {"video": torch.randn(1, 3, 16, 20, 24)}, ["probs"])


def swin():
    config = SwinConfig(
        image_size=(24, 40), patch_size=4, embed_dim=12, depths=[2, 2], num_heads=[2, 3], window_size=3, num_labels=11,
    )
    return spec(SwinForImageClassification(config), {"pixel_values": torch.randn(1, 3, 24, 40)}, ["logits"], 64)


def x_segformer():
    config = SegformerConfig(
        num_encoder_blocks=2, depths=[2, 2], sr_ratios=[4, 1], hidden_sizes=[12, 20], patch_sizes=[7, 3], strides=[4, 2],
        num_attention_heads=[2, 2], mlp_ratios=[2, 2], decoder_hidden_size=14, num_labels=5,
    )
    model = SegformerForSemanticSegmentation(config)
    return spec(model, {"pixel_values": torch.randn(1, 3, 32, 48)}, ["logits"], 65)


def x_mobilevit():
    config = MobileViTConfig(
        image_size=(64, 96), hidden_sizes=[12, 16, 20], neck_hidden_sizes=[8, 8, 10, 12, 14, 16, 20], expand_ratio=2.0,
        num_attention_heads=4, mlp_ratio=1.5, num_labels=3,
    )
    model = MobileViTForImageClassification(config)
    return spec(model, {"pixel_values": torch.randn(1, 3, 64, 96)}, ["logits"], 66)


BUILDERS = (micronnet, msinet, realesrgan, slowfast, swin, x_segformer, x_mobilevit)
