/* SPDX-License-Identifier: MIT */
/* Configuration files of hostile bytes: what is read is written as settings and read again. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ini.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const rst_ini *ini)
{
    rst_str text = rst__str(1 << 22);
    rst_ini *same;
    for (int i = 0; i < ini->count; i++) {
        const rst_ini_entry *e = &ini->entry[i];
        if (strlen(e->key) + strlen(e->value) > RST_INI_LINE || (i && e->line <= e[-1].line))
            __builtin_trap();
        if (rst__ini_fits("k", e->value))
            rst__str_printf(&text, "k%d = %s\n", i, e->value);
    }
    if (rst__ini_parse(&same, text.s ? text.s : "", "again", NULL) == 0) {
        for (int i = 0; i < same->count; i++) {
            const long was = strtol(same->entry[i].key + 1, NULL, 10);
            if (strcmp(same->entry[i].value, ini->entry[was].value) != 0)
                __builtin_trap();
        }
        rst__ini_free(same);
    }
    rst__str_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rst_error err = RST_ERROR_INIT;
    rst_ini *ini;
    const long live = rst__alloc_live();
    char *text = rst__malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    int rc = rst__ini_parse(&ini, text, "fuzz", &err);
    if (rc != err.code || (rc == 0) != (ini != NULL) || (rc != 0 && rc != RST_EFORMAT))
        __builtin_trap();
    rst__free(text); /* nothing of it is borrowed */
    if (ini)
        again(ini);
    rst__ini_free(ini);
    if (rst__alloc_live() != live)
        __builtin_trap();
    return 0;
}
