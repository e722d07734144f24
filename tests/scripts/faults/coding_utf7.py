# expect: failed Refused
# coding: utf-7
# +AAo-raise ValueError
print("as a cell of a notebook this does something else")
