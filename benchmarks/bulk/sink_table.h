/* A set of 64-bit hashes, each with the moment at which it was first seen. A million of them meet by chance once in ten
 * million runs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { uint64_t *keys; double *times; size_t size, count; } table;

static void *must(void *memory) {
    if (!memory) { perror("sink"); exit(1); }
    return memory;
}

static uint64_t hash(const char *text, size_t length) { /* FNV-1a, then mixed; 0 marks a free place */
    uint64_t value = 14695981039346656037ull;
    for (size_t i = 0; i < length; i++) value = (value ^ (unsigned char)text[i]) * 1099511628211ull;
    value ^= value >> 32; value *= 0xd6e8feb86659fd93ull; value ^= value >> 32;
    return value ? value : 1;
}

static size_t table_place(const table *in, uint64_t key) {
    size_t place = key & (in->size - 1);
    while (in->keys[place] && in->keys[place] != key) place = (place + 1) & (in->size - 1);
    return place;
}

static int table_add(table *to, uint64_t key, double at) { /* returns whether it was new */
    if (to->count * 2 >= to->size) {
        table old = *to;
        to->size = old.size ? old.size * 2 : 1 << 16;
        to->keys = must(calloc(to->size, sizeof *to->keys));
        to->times = must(calloc(to->size, sizeof *to->times));
        for (size_t i = 0; i < old.size; i++)
            if (old.keys[i]) {
                size_t place = table_place(to, old.keys[i]);
                to->keys[place] = old.keys[i];
                to->times[place] = old.times[i];
            }
        free(old.keys);
        free(old.times);
    }
    size_t place = table_place(to, key);
    if (to->keys[place]) return 0;
    to->keys[place] = key;
    to->times[place] = at;
    to->count++;
    return 1;
}

static void table_empty(table *what) {
    free(what->keys);
    free(what->times);
    memset(what, 0, sizeof *what);
}
