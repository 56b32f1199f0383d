/* SPDX-License-Identifier: MIT */
/* Drives a fuzz target without libFuzzer: every file of the folders (or files) given, its
 * beginnings, and mutations of it that are the same in every run. Each input lies in a block of
 * exactly its size, so that the address sanitizer sees a read past the end. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUTS      48
#define MUTATIONS 256
#define MAX_FILE  (4L << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long inputs;

static void feed(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) {
        fprintf(stderr, "replay: out of memory\n");
        exit(1);
    }
    if (size)
        memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    inputs++;
}

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void mutate(uint8_t *data, size_t size, uint64_t *state)
{
    static const uint8_t extremes[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    for (uint32_t n = 1 + draw(state) % 8; n > 0; n--) {
        uint8_t *at = data + draw(state) % size;
        switch (draw(state) % 3) {
        case 0:
            *at = (uint8_t)draw(state);
            break;
        case 1:
            *at = extremes[draw(state) % sizeof extremes];
            break;
        default:
            *at ^= (uint8_t)(1u << draw(state) % 8);
        }
    }
}

static void feed_all(const uint8_t *data, size_t size)
{
    feed(data, size);
    for (size_t i = 0; i < CUTS && size > 0; i++)
        feed(data, size * i / CUTS);

    uint8_t *copy = malloc(size ? size : 1);
    uint64_t state = size;
    for (int i = 0; copy && i < MUTATIONS && size > 0; i++) {
        memcpy(copy, data, size);
        mutate(copy, size, &state);
        feed(copy, size);
    }
    free(copy);
}

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc((size_t)MAX_FILE);
    size_t size = 0;
    int bad = !f || !data;
    if (!bad)
        size = fread(data, 1, (size_t)MAX_FILE, f);
    if (bad || ferror(f)) {
        fprintf(stderr, "replay: cannot read %s\n", path);
        bad = 1;
    } else {
        feed_all(data, size);
    }
    if (f)
        fclose(f);
    free(data);
    return bad;
}

/* Files in a folder, in any order: an input's outcome does not depend on the ones before it. */
static int replay_folder(DIR *dir, const char *path)
{
    int bad = 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        char file[4096];
        int n = snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.' && n > 0 && (size_t)n < sizeof file)
            bad |= replay_file(file);
    }
    return bad;
}

int main(int argc, char **argv)
{
    int bad = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir) {
            bad |= replay_folder(dir, argv[i]);
            closedir(dir);
        }
    }

    uint8_t noise[512];
    uint64_t state = 1;
    for (size_t i = 0; i < MUTATIONS; i++) {
        for (size_t k = 0; k < sizeof noise; k++)
            noise[k] = (uint8_t)draw(&state);
        feed(noise, draw(&state) % sizeof noise);
    }
    printf("%ld inputs\n", inputs);
    return bad;
}
