# expect: timeout Timeout
import threading
import time


def work():
    time.sleep(1e6)  # <-


threading.Thread(target=work).start()
print("the last line is reached")
