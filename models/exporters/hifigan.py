"""HiFi-GAN: waveforms from mel spectra."""

import torch
import torch.nn.functional as F
from torch import nn

from .spec import Spec, draw_weights


class Residual(nn.Module):
    def __init__(self, channels, kernel, dilations):
        super().__init__()
        self.c1 = nn.ModuleList([
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=(kernel * d - d) // 2) for d in dilations
        ])
        self.c2 = nn.ModuleList([
            nn.Conv1d(channels, channels, kernel, padding=(kernel - 1) // 2) for _ in dilations
        ])

    def forward(self, x):
        for dilated, plain in zip(self.c1, self.c2):
            x = plain(F.leaky_relu(dilated(F.leaky_relu(x, 0.1)), 0.1)) + x
        return x


class HiFiGan(nn.Module):
    def __init__(self, channels, rates, kernels, residual_kernels, dilations, mel):
        super().__init__()
        self.pre = nn.Conv1d(mel, channels, 7, padding=3)
        self.ups = nn.ModuleList([
            nn.ConvTranspose1d(channels >> i, channels >> (i + 1), kernel, rate, padding=(kernel - rate) // 2)
            for i, (rate, kernel) in enumerate(zip(rates, kernels))
        ])
        self.residuals = nn.ModuleList([
            nn.ModuleList([Residual(channels >> (i + 1), kernel, dilations) for kernel in residual_kernels])
            for i in range(len(rates))
        ])
        self.post = nn.Conv1d(channels >> len(rates), 1, 7, padding=3)

    def forward(self, mel):
        x = self.pre(mel)
        for up, residuals in zip(self.ups, self.residuals):
            x = up(F.leaky_relu(x, 0.1))
            x = sum((residual(x) for residual in residuals[1:]), residuals[0](x)) / len(residuals)
        return torch.tanh(self.post(F.leaky_relu(x)))


def tts_hifigan(size):
    channels, rates, kernels, residual_kernels, dilations, mel = dict(
        tiny=(20, [4, 3], [8, 7], [3, 5], [1, 3], 20),
        depth=(32, [8, 8, 2, 2], [16, 16, 4, 4], [3, 7, 11], [1, 3, 5], 80),
        full=(512, [8, 8, 2, 2], [16, 16, 4, 4], [3, 7, 11], [1, 3, 5], 80),
    )[size]
    module = draw_weights(HiFiGan(channels, rates, kernels, residual_kernels, dilations, mel), 13)
    inputs = {"mel": torch.randn(1, mel, 11)}
    return Spec(module, inputs, ["wav"], {"mel": {0: "batch", 2: "frames"}})
