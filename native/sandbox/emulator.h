#pragma once

/**
 * Has the kernel run programs of another processor by an emulator, in this user namespace and those below it only
 * (Linux 6.7, Documentation/admin-guide/binfmt-misc.rst). `registration` is what its file `register` takes; the program
 * in it is opened at once (flag F), so that it need not be there inside. Gives a descriptor: the kernel knows the
 * emulator for as long as it is open.
 */
int register_emulator(const char *registration);
