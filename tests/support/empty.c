/* SPDX-License-Identifier: MIT */
/* Keeps the support library from being empty. */
typedef int rst_support_has_no_code;
