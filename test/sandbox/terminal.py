"""A terminal for tests: terminal.py SCRIPT COMMAND…

SCRIPT is JSON, a list of steps: ["wait", TEXT] until that was printed, ["type", TEXT], ["size", ROWS, COLUMNS].
Prints JSON: what was shown, the exit code, and whether the terminal's modes are the same as before.
"""

import fcntl, json, os, pty, select, signal, struct, sys, termios, time

script, command = json.loads(sys.argv[1]), sys.argv[2:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
# Other modes than a new terminal has, which the kernel gives to one whose session ends.
modes = termios.tcgetattr(slave)
modes[6][termios.VKILL] = b"\x0b"
termios.tcsetattr(slave, termios.TCSANOW, modes)
before = termios.tcgetattr(slave)
report, outcome = os.pipe()
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    command_child = os.fork()
    if command_child == 0:
        for descriptor in range(3):
            os.dup2(slave, descriptor)
        os.closerange(3, 256)
        os.execvp(command[0], command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    _, status = os.waitpid(command_child, 0)
    result = {"code": os.waitstatus_to_exitcode(status), "restored": termios.tcgetattr(slave) == before}
    os.write(outcome, json.dumps(result).encode())
    os._exit(0)

shown = ""
seen = 0


def read(seconds):
    global shown
    ready, _, _ = select.select([master], [], [], seconds)
    if ready:
        shown += os.read(master, 65536).decode(errors="replace").replace("\r\n", "\n")
    return bool(ready)


def fail(reason):
    os.kill(child, signal.SIGKILL)
    print(json.dumps({"shown": shown, "error": reason}))
    sys.exit(0)


for step, *values in script:
    if step == "type":
        os.write(master, values[0].encode())
    elif step == "size":
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *values, 0, 0))
    elif step == "wait":
        end = time.monotonic() + 10
        while values[0] not in shown[seen:]:
            if time.monotonic() > end:
                fail(f"{values[0]!r} was not printed")
            read(0.1)
        seen = shown.index(values[0], seen) + len(values[0])

end = time.monotonic() + 10
while not select.select([report], [], [], 0)[0]:
    if time.monotonic() > end:
        fail("the command did not end")
    read(0.02)
while read(0):
    pass
print(json.dumps({"shown": shown, **json.loads(os.read(report, 4096))}))
