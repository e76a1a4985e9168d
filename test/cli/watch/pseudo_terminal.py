"""Runs a program in a pseudo-terminal, for a test that types, resizes, and reads the screen.

    pseudo_terminal.py ROWS COLUMNS PROGRAM [ARGUMENT...]

Commands come as JSON on the lines of stdin, events go as JSON to the lines of stdout:

    {"type": TEXT}              types a text               {"output": BASE64}    what the program writes
    {"size": [ROWS, COLUMNS]}   resizes the terminal       {"ended": CODE}       how it ended; -N by the signal N
    {"signal": NUMBER}          sends a signal             {"modes": {...}}      the answer to {"modes": true}
    {"hangUp": true}            closes the terminal

The end of stdin kills the program.
"""

import base64
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios


def report(event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def resize(descriptor, rows, columns):
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def start(slave, master, arguments):
    pid = os.fork()
    if pid != 0:
        return pid
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for descriptor in (0, 1, 2):
        os.dup2(slave, descriptor)
    os.close(master)
    os.close(slave)
    os.execvp(arguments[0], arguments)


def modes(descriptor):
    local = termios.tcgetattr(descriptor)[3]
    return {"echo": bool(local & termios.ECHO), "canonical": bool(local & termios.ICANON)}


def main():
    rows, columns, *arguments = sys.argv[1:]
    master, slave = pty.openpty()
    resize(slave, int(rows), int(columns))
    pid = start(slave, master, arguments)
    is_open = True
    has_ended = False
    pending = b""
    while True:
        ready, _, _ = select.select([0] + ([master] if is_open else []), [], [], 0.02)
        if master in ready:
            report({"output": base64.b64encode(os.read(master, 65536)).decode()})
            continue
        if not has_ended:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended == pid:
                has_ended = True
                report({"ended": os.waitstatus_to_exitcode(status)})
        if 0 not in ready:
            continue
        data = os.read(0, 65536)
        if data == b"":
            break
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if "type" in command:
                os.write(master, command["type"].encode())
            elif "size" in command:
                resize(slave, *command["size"])
            elif "signal" in command and not has_ended:
                os.kill(pid, command["signal"])
            elif "modes" in command:
                report({"modes": modes(slave)})
            elif "hangUp" in command:
                os.close(slave)
                os.close(master)
                is_open = False
    if not has_ended:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


main()
