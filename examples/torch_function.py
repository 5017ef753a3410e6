"""A torch `autograd.Function` with a backward of its own: mean softmax cross-entropy, shifted by the greatest score."""

import torch


class CrossEntropy(torch.autograd.Function):
    """scores (N, C), y (N,) → the mean loss."""

    @staticmethod
    def forward(ctx, scores, y):
        """Log Σ exp(s_j) − s_y."""
        shifted = scores - scores.max(dim=1, keepdim=True).values
        log_sum = shifted.exp().sum(dim=1).log()
        ctx.save_for_backward((shifted - log_sum[:, None]).exp(), y)
        return (log_sum - shifted[torch.arange(len(y)), y]).mean()

    @staticmethod
    def backward(ctx, up):
        """P − 1 at the label, p elsewhere, over N."""
        p, y = ctx.saved_tensors
        ds = p.clone()
        ds[torch.arange(len(y)), y] -= 1
        return up * ds / len(y), None
