# expect: failed Refused
print("invisible")
