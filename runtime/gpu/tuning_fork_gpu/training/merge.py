"""Make one model of an adapter and the model it was trained on.

    python -m tuning_fork_gpu.training.merge <directory of the adapter> <directory to write>
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import AutoConfig

from ..errors import Refusal
from ..models import ADAPTER, lineage, load
from .checkpoints import appearing, copy_companions


def merge(adapter: Path, into: Path) -> None:
    if not (adapter / ADAPTER).is_file():
        raise SystemExit(f"{adapter} has no {ADAPTER}.")
    if into.exists():
        raise SystemExit(f"{into} is there already.")
    folders = lineage(adapter)
    model = load(adapter, torch.device("cpu"), AutoConfig.from_pretrained(folders[-1]).dtype or torch.float32)
    with appearing(into) as folder:
        model.save_pretrained(folder)
        copy_companions(folders, folder)


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
