#!TAG HWBEGIN
# %matplotlib inline
import os
#!TAG HWEND
# %%
# !pip install x
# %cd /tmp
#!TAG HWBEGIN
z = 3
#!TAG HWEND
# %% [markdown]
# Text
