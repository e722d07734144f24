# expect: failed Refused
import gc  # <-

report = next(f for f in gc.get_objects() if callable(f) and getattr(f, "__name__", "") == "report")
report(at="end", seconds=0.0)
