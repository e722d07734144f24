# expect: failed exception
class Shy(type):
    @property
    def __name__(cls):
        raise RuntimeError


class Secret(BaseException, metaclass=Shy):
    def __str__(self):
        raise KeyboardInterrupt


raise Secret  # <-
