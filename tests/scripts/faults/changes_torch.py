# expect: passed
import os
import random

import torch

torch.set_default_dtype(torch.float64)
torch.set_default_device("meta")
torch.set_grad_enabled(False)
torch.manual_seed(1)
torch.set_num_threads(3)
torch.use_deterministic_algorithms(True)
torch.relu = None
torch.nn.Linear.forward = lambda self, x: x
torch.marked_by_other_snippet = True
random.seed(0)
os.environ["MARKED_BY_OTHER_SNIPPET"] = "1"
os.umask(0)
print("changed")
