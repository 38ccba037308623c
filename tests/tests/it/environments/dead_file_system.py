# A FUSE file system that has one file, and answers until the file `go` is there. Then it is dead.
import ctypes, os, select, struct
fuse = os.open('/dev/fuse', os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = b'fd=%d,rootmode=40000,user_id=0,group_id=0' % fuse
if libc.mount(b'dead', b'mnt', b'fuse', 0, options) != 0:
    open('failed', 'w'); raise SystemExit(os.strerror(ctypes.get_errno()))
open('mounted', 'w')
def attributes(node):
    mode = 0o40755 if node == 1 else 0o100644
    return struct.pack('<6Q10I', node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
while not os.path.exists('go'):
    if not select.select([fuse], [], [], 0.01)[0]:
        continue
    request = os.read(fuse, 1 << 17)
    _, call, unique, node = struct.unpack_from('<IIQQ', request)
    answers = {
        26: lambda: struct.pack('<4I2H2I2HI7I', 7, 31, 1 << 16, 0, 0, 0, 1 << 16, 1, 0, 0, 0, *[0] * 7),
        1: lambda: struct.pack('<4Q2I', 2, 0, 1, 0, 0, 0) + attributes(2),
        3: lambda: struct.pack('<Q2I', 0, 0, 0) + attributes(node),
        14: lambda: struct.pack('<Q2I', 0, 0, 0),
    }
    answer, error = (answers[call](), 0) if call in answers else (b'', -38)
    if call != 2:
        os.write(fuse, struct.pack('<IiQ', 16 + len(answer), error, unique) + answer)
open('gone', 'w')
while True:
    select.select([], [], [], 1000)
