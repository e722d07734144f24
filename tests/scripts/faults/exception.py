# expect: failed ZeroDivisionError
def ratio(a, b):
    return a / b  # <-


print("before")
ratio(1, 0)
