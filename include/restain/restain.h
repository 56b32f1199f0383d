/* SPDX-License-Identifier: MIT */
/**
 * @file restain.h
 * All of restain. A whole program, examples/translate_tile.c:
 *
 *     #include <stdio.h>
 *
 *     #include <restain/restain.h>
 *
 *     int main(int argc, char **argv)
 *     {
 *         rst_error err = RST_ERROR_INIT;
 *         rst_model *model = NULL;
 *         rst_image he = RST_IMAGE_INIT, ihc = RST_IMAGE_INIT;
 *
 *         if (argc != 4) {
 *             fprintf(stderr, "usage: translate_tile MODEL IN OUT\n");
 *             return 2;
 *         }
 *         int rc = rst_model_open(&model, argv[1], NULL, &err);
 *         if (rc == 0)
 *             rc = rst_image_read(&he, argv[2], NULL, &err);
 *         if (rc == 0)
 *             rc = rst_model_translate(model, &he, &ihc, &err);
 *         if (rc == 0)
 *             rc = rst_image_write(argv[3], &ihc, NULL, &err);
 *         if (rc < 0)
 *             fprintf(stderr, "%s\n", err.msg);
 *         rst_image_free(&he);
 *         rst_image_free(&ihc);
 *         rst_model_close(model);
 *         return rc < 0;
 *     }
 *
 * Headers: error.h (how failure is told), image.h (tiles), weights.h (files of tensors), graph.h
 * (the engine), nn.h (networks), model.h and translate.h (a network that is ready for tiles),
 * train.h, metric.h.
 */
#ifndef RESTAIN_RESTAIN_H
#define RESTAIN_RESTAIN_H

#include <restain/error.h>
#include <restain/evaluate.h>
#include <restain/graph.h>
#include <restain/image.h>
#include <restain/log.h>
#include <restain/metric.h>
#include <restain/model.h>
#include <restain/nn.h>
#include <restain/report.h>
#include <restain/slide.h>
#include <restain/synth.h>
#include <restain/train.h>
#include <restain/translate.h>
#include <restain/version.h>
#include <restain/weights.h>

#endif
