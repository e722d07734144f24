# expect: failed Refused
# a comment  raise ValueError
print("one line there, two lines here")
