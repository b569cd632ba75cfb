#include "../lib/glob.h"
#include "../lib/path-map.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static int failures;

static void check_glob(const char *pattern, const char *path, bool wanted)
{
    if (glob_matches(pattern, path) == wanted)
        return;
    fprintf(stderr, "%s %s %s\n", pattern, wanted ? "does not match" : "matches", path);
    failures++;
}

static void check_globs(void)
{
    check_glob("/usr/bin/x", "/usr/bin/x", true);
    check_glob("/usr/bin/x", "/usr/bin/xy", false);
    check_glob("/usr/bin/xy", "/usr/bin/x", false);
    check_glob("/usr/bin/*", "/usr/bin/x", true);
    check_glob("/usr/bin/*", "/usr/bin/", true);
    check_glob("/usr/bin/*", "/usr/bin/x/y", false);
    check_glob("/usr/*/x", "/usr/bin/x", true);
    check_glob("/usr/*/x", "/usr/a/b/x", false);
    check_glob("/usr/*b*b", "/usr/abab", true);
    check_glob("/usr/*b*b", "/usr/abac", false);
    check_glob("/usr/**", "/usr/a/b/x", true);
    check_glob("/usr/**", "/usr", false);
    check_glob("/usr/**/x", "/usr/x", true);
    check_glob("/usr/**/x", "/usr/a/b/x", true);
    check_glob("/usr/**/x", "/usr/a/bx", false);
    check_glob("/usr/**x", "/usr/a/bx", true);
    check_glob("**/bin/*", "/opt/bin/tool", true);
    check_glob("/**/bin/*", "/bin/a/bin/tool", true);
    check_glob("/**/bin/*", "/bin/a/lib/tool", false);
    check_glob("/**/a/**/b", "/a/a/c/b", true);
    check_glob("/**/a/*/b", "/a/x/a/y/b", true);
    check_glob("/opt/*.so**", "/opt/libx.so.1/y", true);
    check_glob("/usr**b**/c", "/usr/bcbc", false);
    check_glob("/usr**b**/c", "/usr/bcb/c", true);
    check_glob("", "", true);
    check_glob("*", "", true);
    check_glob("[a]?", "[a]?", true);
    printf("globs: checked\n");
}

static void check_map(const char *path, const char *wanted)
{
    static const struct path_map maps[] = {
        {"usr/local", "usr/local"}, {"usr/local/lib/big", "opt/big"}, {"package/bin/deno", "usr/bin/deno"}, {"all", ""}};
    char out[PATH_MAX] = "";
    struct fail why;
    int got = map_path(maps, sizeof maps / sizeof *maps, path, out, &why);
    if (wanted == NULL ? got == 0 : got == 1 && strcmp(out, wanted) == 0)
        return;
    fprintf(stderr, "%s: got %d and \"%s\"\n", path, got, out);
    failures++;
}

static void check_maps(void)
{
    check_map("usr/local", "usr/local");
    check_map("usr/local/bin/x", "usr/local/bin/x");
    check_map("usr/local/lib/big", "opt/big");
    check_map("usr/local/lib/big/x", "opt/big/x");
    check_map("usr/local/lib/bigger", "usr/local/lib/bigger");
    check_map("package/bin/deno", "usr/bin/deno");
    check_map("package/bin", NULL);
    check_map("usr/localhost", NULL);
    check_map("usr", NULL);
    check_map("", NULL);
    check_map("all", "");
    check_map("all/x/y", "x/y");

    static const struct path_map everything = {"", "opt/x"};
    char path[PATH_MAX], out[PATH_MAX];
    struct fail why;
    memset(path, 'a', sizeof path);
    /* Of the longest one that there may be: PATH_MAX - 2 bytes. */
    path[PATH_MAX - 2 - strlen("opt/x/")] = '\0';
    if (map_path(&everything, 1, path, out, &why) != 1 || strlen(out) != PATH_MAX - 2)
        failures++, fprintf(stderr, "the longest path is refused\n");
    path[strlen(path)] = 'a';
    path[PATH_MAX - 1 - strlen("opt/x/")] = '\0';
    if (map_path(&everything, 1, path, out, &why) != -1)
        failures++, fprintf(stderr, "a path that becomes too long is not refused\n");
    if (map_path(&everything, 1, "", out, &why) != 1 || strcmp(out, "opt/x") != 0)
        failures++, fprintf(stderr, "all of the archive is not taken\n");
    if (!lies_below("a", "") || lies_below("", "") || lies_below("a", "a") || lies_below("ab", "a") || !lies_below("a/b", "a"))
        failures++, fprintf(stderr, "what lies below what is not told right\n");
    printf("maps: checked\n");
}

int main(void)
{
    check_globs();
    check_maps();
    return failures == 0 ? 0 : 1;
}
