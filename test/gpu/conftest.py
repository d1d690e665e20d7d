import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "runtime/gpu"))
torch.set_num_threads(1)
