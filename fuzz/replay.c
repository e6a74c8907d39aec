/* Replays every file of the folders and files named on the command line through the fuzz
 * target: corpora as plain tests. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;

    if (!f || fstat(fileno(f), &st) != 0) {
        fprintf(stderr, "replay: cannot read '%s'\n", path);
        return 1;
    }
    uint8_t *data = bento_alloc((size_t)st.st_size);
    size_t n = data ? fread(data, 1, (size_t)st.st_size, f) : 0;
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(data, n);
    bento_free(data);
    return 0;
}

static int replay_folder(const char *path, int *count)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char name[4096];
    int failed = 0;

    if (!dir)
        return replay_file(path);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        failed += replay_file(name);
        (*count)++;
    }
    (void)closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    int count = 0;

    for (int i = 1; i < argc; i++)
        failed += replay_folder(argv[i], &count);
    printf("%d seeds replayed\n", count);
    return failed || count == 0;
}
