"""Functions to fill in."""

#!TAG HWBEGIN
import math

#!TAG HWEND


def norm(x):
    #!TAG ANSWER norm
    #!TAG HWBEGIN
    #!MSG root of the sum of squares
    return math.sqrt(sum(v * v for v in x))
    #!TAG HWEND


def scale(x, factor):
    #!TAG HWBEGIN
    #!TAG ANSWER scale
    return [factor * v for v in x]
    #!TAG HWEND


def given(x):
    return x
