#include "emulator.h"

#include "../lib/syscalls.h"
#include "../lib/util.h"

#include <string.h>

int register_emulator(const char *registration)
{
    int context = sys_fsopen("binfmt_misc");
    /* Not mounted anywhere: whoever is inside is not to see it, or to change it. */
    int mount = context < 0 || sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0 ? -1 : sys_fsmount(context, 0);
    if (mount < 0)
        die_errno("emulators cannot be registered");
    close(context);
    int file = openat(mount, "register", O_WRONLY | O_CLOEXEC);
    if (file < 0 || write_all(file, registration, strlen(registration)) < 0)
        die_errno("the emulator cannot be registered: %s", registration);
    close(file);
    return mount;
}
