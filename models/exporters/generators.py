"""GEN_dec as LLaMA's head and as a classifier, and the projection that joins encoders and LLaMA."""

import torch
import torch.nn.functional as F
from torch import nn

from .spec import Spec, draw_weights


class Head(nn.Module):
    def __init__(self, width, vocabulary):
        super().__init__()
        self.lm_head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, hidden):
        return self.lm_head(hidden)


class Classifier(nn.Module):
    def __init__(self, width, hidden, classes):
        super().__init__()
        self.a = nn.Linear(width, hidden)
        self.b = nn.Linear(hidden, classes)

    def forward(self, hidden):
        return F.softmax(self.b(F.relu(self.a(hidden))), dim=-1)


class Glue(nn.Module):
    """PandaGPT: embeddings of the words before, the projected embedding as one token, the words after."""

    def __init__(self, embedding, width, vocabulary):
        super().__init__()
        self.e = nn.Embedding(vocabulary, width)
        self.llama_proj = nn.Linear(embedding, width)

    def forward(self, before_ids, embedding, after_ids):
        token = self.llama_proj(embedding).unsqueeze(1)
        return torch.cat([self.e(before_ids), token, self.e(after_ids)], 1)


def gen_dec(size):
    width, vocabulary = dict(tiny=(24, 101), depth=(64, 256), full=(4096, 32000))[size]
    module = draw_weights(Head(width, vocabulary), 8)
    return Spec(module, {"hidden": torch.randn(2, 3, width)}, ["logits"], {"hidden": {0: "batch", 1: "seq"}})


def gen_dec_mlp(size):
    width, hidden, classes = dict(tiny=(24, 17, 10), depth=(64, 32, 10), full=(4096, 1024, 100))[size]
    module = draw_weights(Classifier(width, hidden, classes), 9)
    return Spec(module, {"hidden": torch.randn(2, width)}, ["probs"], {"hidden": {0: "batch"}})


def llama_glue(size):
    embedding, width, vocabulary = dict(tiny=(12, 24, 101), depth=(32, 64, 256), full=(1024, 4096, 32000))[size]
    module = draw_weights(Glue(embedding, width, vocabulary), 7)
    inputs = {
        "before_ids": torch.randint(0, vocabulary, (1, 6)),
        "embedding": torch.randn(1, embedding),
        "after_ids": torch.randint(0, vocabulary, (1, 9)),
    }
    return Spec(module, inputs, ["inputs_embeds"], {"before_ids": {1: "s1"}, "after_ids": {1: "s2"}})
