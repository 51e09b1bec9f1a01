"""Macro averages: every class counts the same, however many images it has."""

import numpy as np

from . import Values


def macro(numerators: Values, denominators: Values) -> Values:
    """Average K ratios (K, B) over the classes in which they are defined: (B,).

    A class whose denominator is 0 has no ratio and is left out; NaN where no class has one.

    >>> macro(np.array([[1.0], [3.0], [0.0]]), np.array([[2.0], [4.0], [0.0]]))
    array([0.625])
    """
    defined = denominators > 0
    ratios = np.divide(numerators, denominators, out=np.zeros_like(numerators), where=defined)
    classes = defined.sum(axis=0)
    undefined = np.full(len(classes), np.nan)
    averages: Values = np.divide(ratios.sum(axis=0), classes, out=undefined, where=classes > 0)
    return averages
