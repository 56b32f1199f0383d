/* SPDX-License-Identifier: MIT */
/* A data set's manifest made of hostile bytes. */
#include <string.h>

#include "base/alloc.h"
#include "data/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    for (int paired = 0; paired < 2; paired++) {
        rst_dataset d = { .paired = paired };
        rst_error err = RST_ERROR_INIT;
        int64_t rows = 0;
        char *text = rst__malloc(n + 1);
        if (!text || rst__files_begin(&d.list[RST_DATA_A], "a", &err) < 0 ||
            rst__files_begin(&d.list[RST_DATA_B], "b", &err) < 0)
            __builtin_trap();
        memcpy(text, data, n);
        text[n] = 0;
        int rc = rst__manifest_parse(text, n, "fuzz", "train", &d, &rows, &err);
        const int64_t a = d.list[RST_DATA_A].count, b = d.list[RST_DATA_B].count;
        if (rc != err.code || (rc == 0 && paired && (a != rows || b != rows)) ||
            (rc == 0 && !paired && (a > rows || b > rows || a + b < rows)))
            __builtin_trap();
        if (rc == 0 && d.views > 1 && rows % d.views != 0)
            __builtin_trap();
        if (rc == 0 && paired && rows > 0)
            (void)rst__files_check_unique(&d.list[RST_DATA_A], NULL);
        rst__files_free(&d.list[RST_DATA_A]);
        rst__files_free(&d.list[RST_DATA_B]);
        rst__free(text);
    }
    return 0;
}
