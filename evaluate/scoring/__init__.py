"""From predictions to scores: metrics with intervals, anchors, health, comparisons."""
