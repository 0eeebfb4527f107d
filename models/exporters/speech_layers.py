"""What the speech models of fairseq share."""

import math

import torch
from torch import nn

PADDING = 1


def sinusoids(places, width):
    half = width // 2
    rates = torch.exp(torch.arange(half).float() * -(math.log(10000) / (half - 1)))
    angles = torch.arange(places).float()[:, None] * rates[None]
    table = torch.cat([angles.sin(), angles.cos()], 1)
    table[PADDING] = 0
    return table


def positions(padded):
    """Places counted from 2 over tokens; padding has place 1."""
    token = (~padded).int()
    return (torch.cumsum(token, 1).type_as(token) * token).long() + PADDING


class Postnet(nn.Module):
    def __init__(self, mel, channels, kernel, layers):
        super().__init__()
        self.net = nn.ModuleList()
        for layer in range(layers):
            before = mel if layer == 0 else channels
            after = mel if layer == layers - 1 else channels
            parts = [nn.Conv1d(before, after, kernel, padding=(kernel - 1) // 2), nn.BatchNorm1d(after)]
            if layer < layers - 1:
                parts.append(nn.Tanh())
            self.net.append(nn.Sequential(*parts))

    def forward(self, x):
        x = x.transpose(1, 2)
        for layer in self.net:
            x = layer(x)
        return x.transpose(1, 2)
