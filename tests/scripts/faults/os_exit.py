# expect: exited-early ExitedEarly
import os

print("looks fine")
os._exit(0)
print("never reached")
