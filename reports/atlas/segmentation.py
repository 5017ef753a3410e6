"""monai, segmentation-models-pytorch, kornia and torchvision: images are (batch, channel, height, width), here one row."""

import without_cuda  # noqa: F401  (torchvision's compiled part, which no loss needs)

import kornia.losses as kornia
import monai.losses as monai
import segmentation_models_pytorch.losses as smp
import torch  # noqa: F401  (what all of them compute in)
import torchvision.ops


def _image(a):
    return a.reshape(1, 1, 1, -1)


def monai_dice(prediction, target):
    return monai.DiceLoss(smooth_nr=1.0, smooth_dr=1.0)(_image(prediction), _image(target))


def monai_squared_dice(prediction, target):
    return monai.DiceLoss(squared_pred=True, smooth_nr=1.0, smooth_dr=1.0)(_image(prediction), _image(target))


def monai_tversky(prediction, target):
    return monai.TverskyLoss(smooth_nr=1.0, smooth_dr=1.0)(_image(prediction), _image(target))


def monai_focal(scores, y):
    return monai.FocalLoss(alpha=0.25)(_image(scores), _image(y))


def monai_dice_ce(scores, y):
    return monai.DiceCELoss(sigmoid=True, lambda_dice=0.0)(_image(scores), _image(y))


def smp_focal(scores, y):
    return smp.FocalLoss("binary", alpha=0.25)(_image(scores), _image(y))


def smp_soft_bce(scores, y):
    return smp.SoftBCEWithLogitsLoss()(scores, y)


def smp_soft_ce(scores, y):
    return smp.SoftCrossEntropyLoss(smooth_factor=0.125)(scores, y)


def kornia_cauchy(scores, y):
    return kornia.cauchy_loss(scores, y, reduction="mean")


def kornia_charbonnier(scores, y):
    return kornia.charbonnier_loss(scores, y, reduction="mean")


def kornia_geman_mcclure(scores, y):
    return kornia.geman_mcclure_loss(scores, y, reduction="mean") / 2


def kornia_welsch(scores, y):
    return kornia.welsch_loss(scores, y, reduction="mean")


def kornia_focal(scores, y):
    return kornia.focal_loss(scores, y, alpha=None, gamma=2.0, reduction="sum")


def kornia_binary_focal(scores, y):
    return kornia.binary_focal_loss_with_logits(_image(scores), _image(y), alpha=0.25, reduction="mean")


def kornia_total_variation(x):
    return kornia.total_variation(x[None])[0]


def torchvision_focal(scores, y):
    return torchvision.ops.sigmoid_focal_loss(scores, y, reduction="mean")
