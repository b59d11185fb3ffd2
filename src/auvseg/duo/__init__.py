"""Dynamic uncertainty-aware optimisation (METHOD section 5): the loss, the noise head and the noise of every case.

network = add_noise_head(network, num_classes=3)
loss = DUOLoss(num_classes=3, noise=CaseNoise(case_ids, num_classes=3))
optimizer = SGD([*network.parameters(), *loss.parameters()], lr=0.01)
loss(network(image), label, case_ids=ids).backward()
"""

from auvseg.duo.head import add_noise_head, remove_noise_head, split_noise_head
from auvseg.duo.loss import DUOLoss
from auvseg.duo.noise import CaseNoise, SampledNoise

__all__ = ["CaseNoise", "DUOLoss", "SampledNoise", "add_noise_head", "remove_noise_head", "split_noise_head"]
