/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include <restain/restain.h>

int main(int argc, char **argv)
{
    rst_error err = RST_ERROR_INIT;
    rst_model *model = NULL;
    rst_image he = RST_IMAGE_INIT, ihc = RST_IMAGE_INIT;

    if (argc != 4) {
        fprintf(stderr, "usage: translate_tile MODEL IN OUT\n");
        return 2;
    }
    int rc = rst_model_open(&model, argv[1], NULL, &err);
    if (rc == 0)
        rc = rst_image_read(&he, argv[2], NULL, &err);
    if (rc == 0)
        rc = rst_model_translate(model, &he, &ihc, &err);
    if (rc == 0)
        rc = rst_image_write(argv[3], &ihc, NULL, &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.msg);
    rst_image_free(&he);
    rst_image_free(&ihc);
    rst_model_close(model);
    return rc < 0;
}
