# expect: crashed ProcessLimit
import threading
import time

threading.stack_size(32768)
for _ in range(3000):
    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
time.sleep(30)
