"""The network that `audit_own_model.py` audits; a release names it by its object path."""

from torch import nn
from torchvision.models import resnet18


def make_net() -> nn.Module:
    """Make torchvision's ResNet-18 for two classes, untrained."""
    network: nn.Module = resnet18(num_classes=2)
    return network
