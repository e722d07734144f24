# expect: failed Rude
class Rude(Exception):
    def __str__(self):
        raise RuntimeError


raise Rude  # <-
