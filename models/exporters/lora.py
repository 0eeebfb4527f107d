"""Low-rank adapters (peft) on the tiny models: in the graph, merged, and as files."""

import copy
import json
from dataclasses import dataclass

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file


@dataclass(frozen=True)
class Adapter:
    targets: tuple[str, ...]
    rank: int = 4
    alpha: int = 8
    seed: int = 20
    task: str | None = "CAUSAL_LM"


QUERY_VALUE = Adapter(("q_proj", "v_proj"))
QUERY_VALUE_ENCODER = Adapter(("q_proj", "v_proj"), task=None)
# As PandaGPT has it.
ALL_PROJECTIONS = Adapter(("q_proj", "k_proj", "v_proj", "o_proj"), rank=32, alpha=32, seed=21)
# On nn.MultiheadAttention, which packs queries, keys and values.
PACKED = Adapter(("trunk.blocks.0.attn", "trunk.blocks.1.attn"), task=None)


def attached(module, adapter):
    torch.manual_seed(adapter.seed)
    config = LoraConfig(
        r=adapter.rank, lora_alpha=adapter.alpha, lora_dropout=0.0, target_modules=list(adapter.targets), bias="none",
        task_type=adapter.task,
    )
    wrapped = get_peft_model(module, config)
    # peft starts with B = 0, an adapter that changes nothing.
    generator = torch.Generator().manual_seed(77)
    with torch.no_grad():
        for name, p in wrapped.named_parameters():
            if "lora_B" in name:
                p.copy_(0.2 * torch.randn(p.shape, generator=generator))
    return wrapped.eval()


def with_adapter(adapter):
    return lambda module: attached(module, adapter)


def merged(adapter):
    return lambda module: attached(module, adapter).merge_and_unload()


def write_base(module, path):
    tensors = {name: tensor.clone().contiguous() for name, tensor in module.state_dict().items()}
    save_file(tensors, path)


def write_adapter(module, adapter, folder):
    """What peft saves, without its model card."""
    attached(copy.deepcopy(module), adapter).save_pretrained(folder, safe_serialization=True)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    # peft writes a set, in another order each time.
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
