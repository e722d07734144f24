# expect: output BadOutput
print("\x1b[31mred\x1b[0m \x1b]0;title\x07")
