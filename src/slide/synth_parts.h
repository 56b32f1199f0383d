/* SPDX-License-Identifier: MIT */
/* The parts of synthetic tissue, in the order in which a block of it is made:
 *
 *   layout   which tissue is where: slow fields over the plane
 *   cells    their places, shapes and borders; nuclei
 *   texture  fibres, cytoplasm, fat, lumina: amounts of stain in every pixel
 *   stain    Beer-Lambert: amounts to light
 *   scanner  blur, white, noise: light to bytes
 *
 * The plane is cut into fixed square blocks; a block depends on the options and its place alone,
 * so that any rectangle is a mosaic of them. Lengths are micrometres (um) but where px is said. */
#ifndef RST_SLIDE_SYNTH_PARTS_H
#define RST_SLIDE_SYNTH_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <restain/synth.h>

enum {
    SYNTH_BLOCK = 256,                         /* px: the side of a block */
    SYNTH_EDGE = 8,                            /* px around it that the optics see */
    SYNTH_SIDE = SYNTH_BLOCK + 2 * SYNTH_EDGE, /* px: what is computed of one */
    SYNTH_AREA = SYNTH_SIDE * SYNTH_SIDE,      /* px */
    SYNTH_STEP = 8,                            /* px between the points of the layout */
    SYNTH_POINTS = SYNTH_SIDE / SYNTH_STEP + 1 /* of them in a row */
};

/* The stains of one slide, and what the scanner makes of it. */
typedef struct synth_stain {
    float hem[3], eos[3]; /* unit vectors */
    float amount[2];      /* of haematoxylin and eosin, 1 is usual */
} synth_stain;

typedef struct synth_scanner {
    float blur;     /* px: standard deviation */
    float white[3]; /* level of light without tissue, 0..255 */
    float noise;    /* levels: standard deviation */
} synth_scanner;

struct rst_synth {
    rst_synth_options o;
    double edge;     /* the tumour field above which there is tumour */
    double angle[2]; /* cosine and sine of the fibres' main direction */
    double glands;   /* share of possible lumina that are there */
    double shift[2]; /* um: where the IHC's section shows what the H&E shows here */
    float ink[3];    /* optical density of a pen */
    synth_stain he_stain, ihc_stain;
    synth_scanner he_scanner, ihc_scanner;
};

/* The tissue at a point. */
typedef struct synth_place {
    float tumour;   /* > 0 within tumour; 0.1 is well inside */
    float fat;      /* > 0 within fat */
    float crowd;    /* > 0 where lymphocytes gather */
    float necrosis; /* > 0 within necrosis */
    float tone;     /* 0..1: how dense the stroma is */
    float thick;    /* 0..1: of the section */
    float bend[2];  /* um: what bends the fibres, along and across them */
    float tissue;   /* um from the edge of the tissue, about; < 0: glass */
} synth_place;

/* A cell, in px relative to the block's corner. */
typedef struct synth_cell {
    float x, y;
    float reach;      /* of its body; 0: only a nucleus */
    float r, stretch; /* of the nucleus: mean radius, sqrt of long over short axis; r 0: none */
    float co, si;     /* its long axis */
    float tone;       /* -1..1, for small differences between cells */
    int32_t id;       /* as rst_synth_view.nucleus */
    uint8_t kind, level;
} synth_cell;

enum { SYNTH_FAT = 7 }; /* a kind without nucleus, beside rst_synth_kind */

/* A round hole in the tissue: gland, duct or vessel; px relative to the block's corner. */
typedef struct synth_lumen {
    float x, y, r;
    float wall;      /* px around it that no other cell may enter */
    float secretion; /* 0..1 */
    uint64_t hash;
    bool duct;
} synth_lumen;

typedef struct synth_block {
    const rst_synth *s;
    int64_t x0, y0; /* px: the corner of what is computed */
    synth_place place[SYNTH_POINTS * SYNTH_POINTS];
    synth_cell *cell; /* owned */
    int cells, cell_room;
    int fats;           /* the first of them are fat */
    synth_lumen *lumen; /* owned */
    int lumina, lumen_room;
    /* Planes of SYNTH_AREA, owned in one block. */
    float *wave[2];          /* px: how outlines waver */
    float *fine, *coarse;    /* noise in 0..1 of 1 um and 2.4 um */
    float *near1, *near2;    /* px^2: power distance to the nearest and the next cell body */
    float *hole;             /* px from the wall of the nearest lumen; < 0 within */
    float *fat;              /* px from the wall of the fat cell here; < 0: none */
    int32_t *own1, *own2;    /* which they are; -1: none */
    float *nuc_hem, *nuc_in; /* haematoxylin of nuclei, and how much of the pixel they cover */
    float *nuc_eos;          /* eosin of nucleoli and of rims */
    float *nuc_q;            /* normalised distance from the nucleus' centre */
    int32_t *nuc_id;
    float *hem, *eos, *ihc_hem, *dab; /* amounts of stain */
    float *light[3];
    float *row; /* scratch for the optics */
    uint8_t *level;
} synth_block;

/* The px of a block that lie within a distance of a point, and some more. */
typedef struct synth_box {
    int x0, y0, x1, y1; /* x0 <= x < x1 */
} synth_box;

/* How a body's pixel lies: px from the border with another cell or with what is not cell. */
typedef struct synth_border {
    float e;       /* px to the nearest border */
    float between; /* px between the centres of the two cells there; 0: no second cell */
    float cover;   /* how much of the pixel is cell */
} synth_border;

/* What makes the levels: the same share of the area is nucleus in each, so that no level is
 * darker than another. */
typedef struct synth_look {
    float radius, spread;  /* um: of nuclei; relative spread */
    float spacing, jitter; /* um between cells; how far they stray, of that */
    float stretch;         /* nuclei's elongation */
    float clumps, rim;     /* contrast of chromatin and of the nuclear membrane */
    float nucleolus;       /* radius, of the nucleus' */
    float base;            /* haematoxylin, such that all levels' nuclei are equally dark */
    float dab, width;      /* optical density of the membrane, um of its half width */
    float cytoplasm;       /* optical density of DAB in the cytoplasm */
    float gaps;            /* 0: membranes are stained all round .. 1: near nuclei only */
} synth_look;

extern const synth_look rst__synth_look[RST_SYNTH_LEVELS];

/* Noise: see synth_noise.c. */
uint64_t rst__synth_hash(uint64_t seed, int field, int64_t i, int64_t j);
uint64_t rst__synth_next(uint64_t *h);
float rst__synth_unit(uint64_t h);
float rst__synth_noise(uint64_t seed, int field, double x, double y);

enum { /* names of the random fields */
       SYNTH_TUMOUR = 1,
       SYNTH_TUMOUR_FINE,
       SYNTH_TUMOUR_EDGE,
       SYNTH_FAT_FIELD,
       SYNTH_CROWD,
       SYNTH_NECROSIS_FIELD,
       SYNTH_TONE,
       SYNTH_THICK,
       SYNTH_BEND,
       SYNTH_BEND2,
       SYNTH_LEVEL,
       SYNTH_LUMEN,
       SYNTH_DUCT_SITE,
       SYNTH_FAT_SITE,
       SYNTH_LYMPH_SITE,
       SYNTH_FIBRO_SITE,
       SYNTH_WAVE,
       SYNTH_WAVE2,
       SYNTH_FINE,
       SYNTH_COARSE,
       SYNTH_FIBRE,
       SYNTH_BUNDLE,
       SYNTH_HAIR,
       SYNTH_GRAIN_HE,
       SYNTH_GRAIN_IHC,
       SYNTH_TUMOUR_SITE, /* + level */
       SYNTH_EDGE_WIDE = SYNTH_TUMOUR_SITE + RST_SYNTH_LEVELS,
       SYNTH_EDGE_FINE,
       SYNTH_TEAR,
       SYNTH_ELASTIC,
       SYNTH_ELASTIC2,
       SYNTH_FOLD,
       SYNTH_PEN,
       SYNTH_BUBBLE,
       SYNTH_BLURRED,
       SYNTH_LEVEL_BEND
};

/* Layout. x, y in um on the plane. */
synth_place rst__synth_place(const rst_synth *s, double x, double y);
int rst__synth_level(const rst_synth *s, double x, double y);
/* cosine and sine of the fibres' direction */
void rst__synth_direction(const rst_synth *s, double x, double y, float *co, float *si);
void rst__synth_layout(synth_block *b);
/* The layout between its points, at a px of the block. */
synth_place rst__synth_between(const synth_block *b, int x, int y);

int rst__synth_find_lumina(synth_block *b, rst_error *err);
int rst__synth_find_cells(synth_block *b, rst_error *err);
/* inside > 0: where its reach ends the body goes on, to about 150 um times this further */
synth_border rst__synth_border(const synth_block *b, int at, const synth_cell *c, float inside);
synth_box rst__synth_box(float x, float y, float far);
void rst__synth_draw_bodies(synth_block *b);
void rst__synth_draw_nuclei(synth_block *b);
void rst__synth_texture(synth_block *b);
void rst__synth_stains(rst_synth *s);
void rst__synth_scanners(rst_synth *s);
/* Fills light (0..1 of the white) from two amounts. */
void rst__synth_absorb(synth_block *b, const synth_stain *st, const float *first,
                       const float *second);
/* Blurs a plane in place, its edge excepted. */
void rst__synth_blur(const synth_block *b, float *plane, float sigma);
/* The byte of a channel at a px of the block. */
uint8_t rst__synth_byte(const synth_block *b, const synth_scanner *sc, int field, int x, int y,
                        int channel);

/* Flaws of a section (0: H&E, 1: IHC) at a place, in um. */
typedef struct synth_flaw {
    float thick; /* 1 is usual, 2 a fold */
    float ink;   /* 0..1 */
    float shade; /* 1 is usual */
    float blur;  /* 0..1: out of focus */
} synth_flaw;

synth_flaw rst__synth_flaw(const rst_synth *s, int section, double x, double y);
/* What flaws do to the light, before the optics and in them. */
void rst__synth_flaw_light(synth_block *b, int section);
void rst__synth_flaw_blur(synth_block *b, int channel, float sigma);

/* 100 x optical density as a byte: how truth is written. */
uint8_t rst__synth_grey(float dab);

/* The serial section: where the IHC shows what lies at a place of the H&E, in um. */
void rst__synth_section(const rst_synth *s, double x, double y, double *dx, double *dy);

#endif
