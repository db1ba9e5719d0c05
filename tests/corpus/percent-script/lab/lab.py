# ---
# jupyter:
#   jupytext:
#     comment_magics: false
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.1
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

#!TAG LOCKED
# This first cell has no header of its own.
import numpy as np

# %% [markdown]
# # Title
#
# Question?
# #!TAG HWBEGIN
# #!MSG Your answer
# Because.
# #!TAG HWEND

# %% [markdown]
"""
Quoted text.
#!TAG HWBEGIN
Quoted answer.
#!TAG HWEND
"""

# %% tags=["demo"]
#!TAG SKIPQUESTEXEC
%matplotlib inline
def f(x):
    #!TAG HWBEGIN
    #!MSG do it
    return x
    #!TAG HWEND

# %% A title
!ls
# %%
#!TAG HWBEGIN
y = 1
#!TAG HWEND
