"""Plots that several labs share: labelled, safe for colour-blind readers, with a description in words."""

from labkit.plots.curves import gradient_by_lag, model_comparison, training_curves
from labkit.plots.figure import Plot, theme
from labkit.plots.maps import attention_map, confusion_matrix, gate_activations

__all__ = [
    "Plot",
    "attention_map",
    "confusion_matrix",
    "gate_activations",
    "gradient_by_lag",
    "model_comparison",
    "theme",
    "training_curves",
]
