/* SPDX-License-Identifier: MIT */
/* The table of inner loops (ew.def), and which one a device uses. */
#ifndef RST_CPU_EW_H
#define RST_CPU_EW_H

#include "backend/cpu/cpu.h"

typedef struct rst__ew {
#define RST_EW(type, name, args) type(*name) args;
#include "backend/cpu/ew.def"
#undef RST_EW
} rst__ew;

/** The loops of the device's instruction set. */
const rst__ew *rst__ew_of(const rst_dev *dev);

#endif
