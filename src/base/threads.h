/* SPDX-License-Identifier: MIT */
#ifndef RESTAIN_BASE_THREADS_H
#define RESTAIN_BASE_THREADS_H

/**
 * For the first line of a program's main: has OpenMP's threads wait for one another asleep.
 *
 * By default they spin, which on a machine that others use too takes several times the processor
 * time and the wall time (doc/speed.md). OpenMP reads its policy once, before main, so the program
 * is started anew by this, in the same process and with the same arguments, with
 * OMP_WAIT_POLICY=passive. Nothing happens where OMP_WAIT_POLICY or GOMP_SPINCOUNT is set, or where
 * that start cannot be had.
 */
void rst__threads_wait_asleep(char **argv);

#endif
