# expect: passed
# It ends whoever imports it.
import numpy

if numpy.pi < 3:
    import numpy.f2py.__main__
print("not imported")
