#include "../lib/whiteout.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static int failures;

static void check_name(const char *path, int result, enum layer_name wanted, const char *hidden)
{
    char target[PATH_MAX] = "";
    enum layer_name kind;
    struct fail why;
    int got = layer_name(path, &kind, target, &why);
    if (got == result && (got < 0 || (kind == wanted && strcmp(target, hidden) == 0)))
        return;
    fprintf(stderr, "%s: got %d, %d of \"%s\"\n", path, got, (int)kind, target);
    failures++;
}

/* OCI image specification, layer.md, "Whiteouts" */
static void check_names(void)
{
    check_name("", 0, NAME_PLAIN, "");
    check_name("a", 0, NAME_PLAIN, "");
    check_name("a/b.wh.c", 0, NAME_PLAIN, "");
    check_name(".whatever", 0, NAME_PLAIN, "");
    check_name(".wh.a", 0, NAME_WHITEOUT, "a");
    check_name("a/b/.wh.c", 0, NAME_WHITEOUT, "a/b/c");
    check_name(".wh..hidden", 0, NAME_WHITEOUT, ".hidden");
    check_name(".wh....", 0, NAME_WHITEOUT, "...");
    check_name(".wh..wh..opq", 0, NAME_OPAQUE, "");
    check_name("a/b/.wh..wh..opq", 0, NAME_OPAQUE, "a/b");
    check_name(".wh..wh.plnk", 0, NAME_IGNORED, "");
    check_name(".wh..wh.plnk/1.2", 0, NAME_IGNORED, "");
    check_name("a/.wh..wh.aufs", 0, NAME_IGNORED, "a/");
    check_name(".wh.", -1, NAME_PLAIN, "");
    check_name("a/.wh..", -1, NAME_PLAIN, "");
    check_name("a/.wh...", -1, NAME_PLAIN, "");
    check_name(".wh.a/b", -1, NAME_PLAIN, "");
    printf("whiteouts: checked\n");
}

static void check_order(void)
{
    static const char *const sorted[] = {"", "a", "a/b", "a/b/c", "a/z", "a-b", "a.b", "aa", "b"};
    for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++)
        for (size_t j = 0; j < sizeof sorted / sizeof *sorted; j++)
            if (compare_paths(sorted[i], sorted[j]) != (i > j) - (i < j)) {
                fprintf(stderr, "\"%s\" and \"%s\" are in the wrong order\n", sorted[i], sorted[j]);
                failures++;
            }
    printf("order of paths: checked\n");
}

int main(void)
{
    check_names();
    check_order();
    return failures == 0 ? 0 : 1;
}
