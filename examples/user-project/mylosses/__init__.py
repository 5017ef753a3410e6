"""Two losses of a linear classifier, with their gradients written by hand."""
