# expect: output BadOutput
print("accu\u200bracy")
