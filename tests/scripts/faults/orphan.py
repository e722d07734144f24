# expect: failed ProcessLeft
import subprocess

child = subprocess.Popen(["sleep", "1000"])
child.returncode = 0  # or Popen warns about it itself
