"""How long a widget's update takes for a reader: in a process of its own, as the tests' shape checks take longer than it."""

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
print(sorted(spent)[len(spent) // 2])
"""


def usual_seconds(prepare: str, move: str) -> float:
    """Processor seconds on one thread, the median of nine, of a statement that may use ``step``."""
    code = LOOP.format(prepare=prepare, move=move)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(run.stdout.split()[-1])
