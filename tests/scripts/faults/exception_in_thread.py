# expect: failed ValueError
import threading


def work():
    raise ValueError("nobody sees me")  # <-


thread = threading.Thread(target=work)
thread.start()
thread.join()
