"""Make one model of an adapter and the model it was trained on.

    python -m tuning_fork_gpu.training.merge <directory of the adapter> <directory to write>
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch

from ..errors import Refusal
from ..models import load_stored, locate
from .checkpoints import COMPANIONS


def merge(adapter: Path, into: Path) -> None:
    file = adapter / "adapter_config.json"
    if not file.is_file():
        raise SystemExit(f"{adapter} has no adapter_config.json.")
    if into.exists():
        raise SystemExit(f"{into} is there already.")
    base = locate(json.loads(file.read_text())["base_model_name_or_path"])
    dtype = "dtype" if "dtype" in (config := json.loads((base / "config.json").read_text())) else "torch_dtype"
    model = load_stored(adapter, base, torch.device("cpu"), getattr(torch, config.get(dtype) or "float32"))
    writing = into.parent / f".{into.name}.writing"
    shutil.rmtree(writing, ignore_errors=True)
    model.save_pretrained(writing)
    for name in COMPANIONS:
        if (base / name).is_file():
            shutil.copyfile(base / name, writing / name)
    writing.rename(into)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tuning_fork_gpu.training.merge", description=__doc__.split("\n")[0])
    parser.add_argument("adapter", type=Path)
    parser.add_argument("into", type=Path)
    given = parser.parse_args()
    try:
        merge(given.adapter, given.into)
    except Refusal as refusal:
        raise SystemExit(refusal.message) from refusal
    print(f"{given.into}: the model and its adapter")


if __name__ == "__main__":
    main()
