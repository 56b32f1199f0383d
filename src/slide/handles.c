/* SPDX-License-Identifier: MIT */
/* Open handles of a slide. Backends differ in whether threads may share one; after an error none is
 * trusted again, because OpenSlide's stay dead for all reads to come. */
#include <limits.h>

#include "base/alloc.h"
#include "base/err.h"
#include "slide/reader.h"

static rst_slide_handle *take_idle(rst_slide *s)
{
    const int most = s->backend->shared ? INT_MAX : 1;
    rst_slide_handle *n;
    pthread_mutex_lock(&s->lock);
    for (n = s->handles; n && (n->dead || n->users >= most); n = n->next)
        ;
    if (n)
        n->users++;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* A handle nobody else has, in use; not in the list yet. */
static int open_fresh(const rst_slide *s, rst_slide_handle **out, rst_error *err)
{
    rst_slide_handle *n = rst__calloc(1, sizeof *n);
    if (!n)
        return rst__fail_nomem(err, s->path);
    n->users = 1;
    int rc = s->backend->reopen(s, &n->h, err);
    if (rc < 0) {
        rst__free(n);
        return rc;
    }
    *out = n;
    return 0;
}

static void put_in(rst_slide *s, rst_slide_handle *n)
{
    pthread_mutex_lock(&s->lock);
    n->users--;
    n->next = s->handles;
    s->handles = n;
    pthread_mutex_unlock(&s->lock);
}

static void destroy(const rst_slide *s, rst_slide_handle *n)
{
    s->backend->close(n->h);
    rst__free(n);
}

/* Ends one use; the last user of a dead handle closes it. */
static void give_back(rst_slide *s, rst_slide_handle *n, bool failed)
{
    pthread_mutex_lock(&s->lock);
    n->users--;
    n->dead = n->dead || failed;
    const bool last = n->dead && n->users == 0;
    if (last)
        for (rst_slide_handle **at = &s->handles; *at; at = &(*at)->next)
            if (*at == n) {
                *at = n->next;
                break;
            }
    pthread_mutex_unlock(&s->lock);
    if (last)
        destroy(s, n);
}

/* Alone on its handle, so that another thread's bad tile cannot make this one look bad. */
static int load_alone(rst_slide *s, int level, int64_t bx, int64_t by, uint8_t *rgb, rst_error *err)
{
    rst_slide_handle *n = NULL;
    int rc = open_fresh(s, &n, err);
    if (rc < 0)
        return rc;
    rc = s->backend->load(s, n->h, level, bx, by, rgb, err);
    if (rc < 0)
        destroy(s, n);
    else
        put_in(s, n);
    return rc;
}

int rst__handles_load(rst_slide *s, int level, int64_t bx, int64_t by, uint8_t *rgb, rst_error *err)
{
    rst_error first = RST_ERROR_INIT;
    rst_slide_handle *n = take_idle(s);
    int rc;
    if (n) {
        rc = s->backend->load(s, n->h, level, bx, by, rgb, &first);
        give_back(s, n, rc < 0);
    } else {
        rc = load_alone(s, level, bx, by, rgb, &first);
    }
    if (rc == 0)
        return 0;
    if (rc == RST_ENOMEM)
        return rst_fail(err, rc, "%s", first.msg);
    return load_alone(s, level, bx, by, rgb, err);
}

int rst__handles_add(rst_slide *s, void *h, rst_error *err)
{
    rst_slide_handle *n = rst__calloc(1, sizeof *n);
    if (!n) {
        s->backend->close(h);
        return rst__fail_nomem(err, s->path);
    }
    n->h = h;
    n->users = 1;
    put_in(s, n);
    return 0;
}

void rst__handles_close(rst_slide *s)
{
    while (s->handles) {
        rst_slide_handle *n = s->handles;
        s->handles = n->next;
        destroy(s, n);
    }
}
