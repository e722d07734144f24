# expect: failed Refused
print("café")
