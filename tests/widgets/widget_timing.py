"""How long a widget's update takes for a reader: in a process of its own, without the shape checks of the tests."""

import subprocess
import sys

LOOP = """
import time
import torch
torch.set_num_threads(1)
{prepare}
spent = []
for step in range(9):
    start = time.process_time()
    {move}
    spent.append(time.process_time() - start)
print(min(spent))
"""


def least_seconds(prepare: str, move: str) -> float:
    """Processor seconds on one thread, the least of nine, of a statement that may use ``step``."""
    code = LOOP.format(prepare=prepare, move=move)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(run.stdout.split()[-1])
