# expect: failed AssertionError
import contextlib
import os

opened = []
names = "vda sda nvme0n1 loop0 loop-control dm-0 tty tty0 tty1 ttyS0 console kvm kmsg mem fuse net/tun vhost-net"
for name in names.split():
    with contextlib.suppress(OSError):
        os.close(os.open(f"/dev/{name}", os.O_RDONLY | os.O_NONBLOCK))
        opened.append(name)
assert opened, "none"  # <-
