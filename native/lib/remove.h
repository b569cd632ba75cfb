#pragma once

/**
 * Removes what is there under the name, and below it when it is a directory, however deep; links are not followed.
 * What is not there is no error. `path` is for the message with which the process ends when it cannot be removed.
 */
void remove_tree(int parent, const char *name, const char *path);
