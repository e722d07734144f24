# expect: passed
# Passes once; with --repeat 2 it does not.
import random

print(random.random())
