# expect: output BadOutput
print("loss \u202e1.0")
