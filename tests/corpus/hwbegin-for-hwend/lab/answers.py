import math


def area(r):
    #!TAG HWBEGIN
    return math.pi * r * r
    #!TAG HWBEGIN


def length(r):
    #!TAG HWBEGIN
    return 2 * math.pi * r
    #!TAG HWEND
