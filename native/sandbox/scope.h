#pragma once

/**
 * Moves this process into a new scope in a slice of systemd's user manager, whose XDG_RUNTIME_DIR is `runtime`: a group
 * of its own below that of the slice, which goes with its last process. The kernel lets nobody but root leave the group
 * that a login put them in, and the manager has root's systemd do it (systemd.scope(5), org.freedesktop.systemd1(5)).
 */
void enter_scope(const char *runtime, const char *slice);
