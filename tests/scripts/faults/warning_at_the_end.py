# expect: failed ResourceWarning
# A file that nobody closes warns when the interpreter ends.
stream = open("left_open.txt", "w")
