# expect: failed Refused
collector = __import__("gc")  # <-
print(collector.get_count())
