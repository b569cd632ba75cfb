#pragma once

#include "fail.h"
#include "stream.h"

#include <stddef.h>
#include <stdint.h>

/** One compressed tar inside a .deb. */
struct deb_member {
    const uint8_t *data;
    size_t size;
    enum compression compression;
};

/** A Debian binary package, format 2.x (deb(5)). */
struct deb {
    struct deb_member control;
    struct deb_member data;
};

/** Finds the two members in a whole .deb held in memory. Returns -1 after filling `why`. */
int deb_open(struct deb *deb, const uint8_t *data, size_t size, struct fail *why);
