# expect: passed
import os

import torch

assert torch.get_default_dtype() == torch.float32
assert torch.ones(1).device.type == "cpu"
assert torch.is_grad_enabled()
assert torch.initial_seed() != 1
assert torch.get_num_threads() == 1
assert not torch.are_deterministic_algorithms_enabled()
assert torch.relu(torch.tensor(-1.0)) == 0
assert torch.nn.Linear(2, 3)(torch.ones(2)).shape == (3,)
assert not hasattr(torch, "marked_by_other_snippet")
assert "MARKED_BY_OTHER_SNIPPET" not in os.environ
assert os.umask(0) == 0o022
print("untouched")
