/** Who tries it: the developer, root of the environment, and root of a build step, which has capabilities. */
export const attackers = ["the developer", "root in it", "a build step"] as const;
export type Attacker = (typeof attackers)[number];

/** What Python programs that attack have in common: attempt() prints what became of it. */
export const prelude = `
import ctypes, errno, glob, os, socket, stat, sys
libc = ctypes.CDLL(None, use_errno=True)
index = ["x86_64", "aarch64"].index(os.uname().machine)
def call(numbers, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(numbers[index]), *arguments)
    if result == -1: raise OSError(ctypes.get_errno(), "")
    return result
def attempt(name, function):
    try: print(name, "=", function())
    except OSError as error: print(name, "=", errno.errorcode.get(error.errno, error.errno))
def text(path):
    with open(path) as file: return file.read()
`;

/** Listens on the abstract socket of argument 1; any other argument only shows in its command line. */
export const listener = `
import socket, sys, time
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind("\\0" + sys.argv[1])
server.listen()
print("ready", flush=True)
time.sleep(1000)
`;

/** What such a program printed, by the words before "=". */
export function answersOf(printed: string): Record<string, string> {
  const lines = printed.trimEnd().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(" = ") as [string, string]));
}
