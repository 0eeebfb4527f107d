"""Recurrent models."""

import torch
import torch.nn.functional as F
from torch import nn

from ..spec import Spec, draw_weights


class RnnLanguageModel(nn.Module):
    def __init__(self, vocabulary, width, hidden):
        super().__init__()
        self.emb = nn.Embedding(vocabulary, width)
        self.rnn = nn.RNN(width, hidden, 2, batch_first=True)
        self.out = nn.Linear(hidden, vocabulary)

    def forward(self, ids):
        return self.out(self.rnn(self.emb(ids))[0][:, -1])


def rnn_lm():
    module = draw_weights(RnnLanguageModel(61, 16, 24), 40)
    return Spec(module, {"ids": torch.randint(0, 61, (2, 6))}, ["logits"])


class Crdnn(nn.Module):
    """Convolutions, two bidirectional LSTM layers, and a GRU over what they heard (SpeechBrain's CRDNN, short)."""

    def __init__(self, channels, mel, hidden, classes):
        super().__init__()
        self.c1 = nn.Conv2d(1, channels, 3, padding=1)
        self.c2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.pool = nn.MaxPool2d((1, 2))
        self.lstm = nn.LSTM(channels * mel // 4, hidden, 2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(2 * hidden, hidden, batch_first=True)
        self.hidden = nn.Linear(hidden, 18)
        self.norm = nn.BatchNorm1d(18)
        self.out = nn.Linear(18, classes)

    def forward(self, features):
        x = self.pool(F.leaky_relu(self.c1(features.unsqueeze(1))))
        x = self.pool(F.leaky_relu(self.c2(x)))
        x = x.transpose(1, 2).flatten(2)
        x = self.gru(self.lstm(x)[0])[1].squeeze(0)
        return F.log_softmax(self.out(F.leaky_relu(self.norm(self.hidden(x)))), dim=-1)


def crdnn():
    module = draw_weights(Crdnn(6, 24, 14, 11), 41)
    return Spec(module, {"features": torch.randn(2, 12, 24)}, ["log_probs"])


BUILDERS = (rnn_lm, crdnn)
