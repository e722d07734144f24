# expect: failed Refused
# coding: latin-1
print("café")
