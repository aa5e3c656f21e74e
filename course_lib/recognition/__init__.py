"""Face recognition: margin softmax, metric learning, backbones, evaluation, scale."""
