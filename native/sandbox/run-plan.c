#include "run-plan.h"

#include <string.h>

static bool image_option(struct root_image *image, const char *option, struct args *args);
static bool operation_option(struct run_plan *plan, const char *option, struct args *args);
static bool command_option(struct run_plan *plan, const char *option, struct args *args);
static void owner(struct operation *operation, const char *option, struct args *args);

struct run_plan read_run_plan(struct args *args)
{
    struct run_plan plan = {.grace = 2000, .directory = "/", .hostname = "devenv", .emulator_mount = -1};
    char *option;
    while ((option = args_take(args)) != NULL && strcmp(option, "--") != 0) {
        if (id_maps_option(&plan.maps, option, args) || cgroup_option(&plan.cgroups, option, args) ||
            group_view_option(&plan.views, option, args) || network_option(&plan.network, option, args) ||
            image_option(&plan.image, option, args) || operation_option(&plan, option, args) ||
            command_option(&plan, option, args))
            continue;
        if (strcmp(option, "--store") == 0)
            plan.store = args_value(args, option);
        else if (strcmp(option, "--disk") == 0) {
            plan.disk.image = args_value(args, option);
            plan.disk.place = args_value(args, option);
        } else if (strcmp(option, "--hostname") == 0)
            plan.hostname = args_value(args, option);
        else if (strcmp(option, "--emulator") == 0)
            plan.emulator = args_value(args, option);
        else if (strcmp(option, "--pid-file") == 0)
            plan.pid_file = args_value(args, option);
        else if (strcmp(option, "--grace") == 0)
            plan.grace = (unsigned)args_number(args, option, 3600 * 1000);
        else
            die("run: %s: not an option", option);
    }
    if (plan.store == NULL)
        die("run: --store is needed");
    if ((plan.image.directory == NULL) == (plan.image.layer_count == 0))
        die("run: either --root or --layer is needed");
    if (plan.wait != (args->next < args->count))
        die("run: --wait and a command belong together");
    /* The vectors end with NULL for execve(). */
    plan.environment = xgrow(plan.environment, plan.environment_count, sizeof *plan.environment);
    plan.environment[plan.environment_count] = NULL;
    size_t words = args->count - args->next;
    plan.command = xcalloc(words + 1, sizeof *plan.command);
    for (size_t i = 0; i < words; i++)
        plan.command[i] = args->items[args->next + i];
    return plan;
}

static bool image_option(struct root_image *image, const char *option, struct args *args)
{
    if (strcmp(option, "--layer") == 0) {
        image->layers = xgrow(image->layers, image->layer_count, sizeof *image->layers);
        image->layers[image->layer_count++] = args_value(args, option);
    } else if (strcmp(option, "--upper") == 0)
        image->upper = args_value(args, option);
    else if (strcmp(option, "--work") == 0)
        image->work = args_value(args, option);
    else if (strcmp(option, "--root") == 0)
        image->directory = args_value(args, option);
    else if (strcmp(option, "--volatile") == 0)
        image->without_sync = true;
    else if (strcmp(option, "--renew") == 0)
        image->renew = true;
    else
        return false;
    return true;
}

static bool operation_option(struct run_plan *plan, const char *option, struct args *args)
{
    static const struct {
        const char *option;
        enum operation_kind kind;
    } known[] = {
        {"--own-bind", OPERATION_OWN},
        {"--bind", OPERATION_BIND},   {"--ro-bind", OPERATION_BIND}, {"--proc", OPERATION_PROC},
        {"--dev", OPERATION_DEV},     {"--sys", OPERATION_SYS},      {"--tmpfs", OPERATION_TMPFS},
        {"--mkdir", OPERATION_MKDIR}, {"--file", OPERATION_FILE},    {"--symlink", OPERATION_SYMLINK},
        {"--mask", OPERATION_MASK},   {"--readonly", OPERATION_READONLY},
    };
    size_t index = 0;
    while (index < sizeof known / sizeof known[0] && strcmp(known[index].option, option) != 0)
        index++;
    if (index == sizeof known / sizeof known[0])
        return false;
    struct operation operation = {.kind = known[index].kind, .readonly = strcmp(option, "--ro-bind") == 0};
    switch (operation.kind) {
    case OPERATION_PROC:
    case OPERATION_DEV:
    case OPERATION_SYS:
        break;
    case OPERATION_BIND:
        operation.source = args_value(args, option);
        operation.target = args_value(args, option);
        break;
    case OPERATION_OWN:
        operation.source = args_value(args, option);
        operation.target = args_value(args, option);
        operation.uid = (uid_t)args_number(args, option, UINT32_MAX - 1);
        operation.gid = (gid_t)args_number(args, option, UINT32_MAX - 1);
        break;
    case OPERATION_MASK:
    case OPERATION_READONLY:
        operation.target = args_value(args, option);
        break;
    case OPERATION_SYMLINK:
        operation.target = args_value(args, option);
        operation.content = args_value(args, option);
        break;
    case OPERATION_TMPFS:
    case OPERATION_MKDIR:
        owner(&operation, option, args);
        break;
    case OPERATION_FILE:
        owner(&operation, option, args);
        operation.content = args_value(args, option);
        break;
    }
    plan->operations = xgrow(plan->operations, plan->operation_count, sizeof operation);
    plan->operations[plan->operation_count++] = operation;
    return true;
}

static bool command_option(struct run_plan *plan, const char *option, struct args *args)
{
    if (strcmp(option, "--wait") == 0)
        plan->wait = true;
    else if (strcmp(option, "--uid") == 0)
        plan->uid = (uid_t)args_number(args, option, UINT32_MAX - 1);
    else if (strcmp(option, "--gid") == 0)
        plan->gid = (gid_t)args_number(args, option, UINT32_MAX - 1);
    else if (strcmp(option, "--cwd") == 0)
        plan->directory = args_value(args, option);
    else if (strcmp(option, "--env") == 0) {
        plan->environment = xgrow(plan->environment, plan->environment_count, sizeof *plan->environment);
        plan->environment[plan->environment_count++] = args_value(args, option);
    } else
        return false;
    return true;
}

static void owner(struct operation *operation, const char *option, struct args *args)
{
    operation->target = args_value(args, option);
    operation->mode = args_mode(args, option);
    operation->uid = (uid_t)args_number(args, option, UINT32_MAX - 1);
    operation->gid = (gid_t)args_number(args, option, UINT32_MAX - 1);
}
