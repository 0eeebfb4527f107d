"""Activities from inertial sensors."""

import torch
import torch.nn.functional as F
from torch import nn

from ..spec import Spec, draw_weights


class HandmadeNorm(nn.Module):
    """Layer normalization out of its parts, as LIMU-BERT has it."""

    def __init__(self, width):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x):
        mean = x.mean(-1, keepdim=True)
        deviation = (x - mean).pow(2).mean(-1, keepdim=True)
        return self.gamma * (x - mean) / torch.sqrt(deviation + 1e-12) + self.beta


class Layer(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.proj = (nn.Linear(width, width) for _ in range(4))
        self.norm_1, self.norm_2 = HandmadeNorm(width), HandmadeNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        def split(y):
            return y.view(*y.shape[:2], self.heads, -1).transpose(1, 2)

        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        weights = F.softmax(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5, dim=-1)
        y = (weights @ v).transpose(1, 2).flatten(2)
        x = self.norm_1(x + self.proj(y))
        return self.norm_2(x + self.fc2(F.gelu(self.fc1(x))))


class LimuBert(nn.Module):
    def __init__(self, width, heads, hidden, places, classes):
        super().__init__()
        self.embed = nn.Linear(6, width)
        self.pos = nn.Embedding(places, width)
        self.norm = HandmadeNorm(width)
        self.layers = nn.ModuleList([Layer(width, heads, hidden) for _ in range(2)])
        self.gru = nn.GRU(width, 10, 2, batch_first=True)
        self.out = nn.Linear(10, classes)

    def forward(self, x):
        places = torch.arange(x.shape[1]).unsqueeze(0).expand(x.shape[0], -1)
        x = self.norm(self.embed(x) + self.pos(places))
        for layer in self.layers:
            x = layer(x)
        return self.out(self.gru(x)[0][:, -1])


def limu_bert():
    return Spec(draw_weights(LimuBert(18, 3, 30, 20, 6), 50), {"imu": torch.randn(2, 20, 6)}, ["logits"])


def har_mlp():
    module = nn.Sequential(
        nn.Linear(561, 24), nn.ReLU(), nn.Linear(24, 13), nn.ReLU(), nn.Linear(13, 6), nn.Softmax(dim=-1)
    )
    return Spec(draw_weights(module, 51), {"features": torch.randn(2, 561)}, ["probs"])


BUILDERS = (limu_bert, har_mlp)
