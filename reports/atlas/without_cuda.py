"""torchvision from PyPI is compiled for a torch with CUDA. Beside one without, its operators are declared: its Python code imports."""

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
        operators.define(f"{name}(Tensor a, Tensor b, float c) -> Tensor")
