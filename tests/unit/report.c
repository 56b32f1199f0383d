/* SPDX-License-Identifier: MIT */
/* The progress line, on a terminal and in a file. The command's files are in no library, so the
 * source itself is part of this test. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/report.c"

static int saved, back; /* the real stderr; where what is written to it can be read */

/* Puts a terminal of so many columns, or a pipe (0), in place of stderr. */
static void redirect(int columns)
{
    int to;
    memset(&report, 0, sizeof report);
    (void)fflush(stderr);
    saved = dup(STDERR_FILENO);
    if (columns) {
        const struct winsize w = { .ws_col = (unsigned short)columns, .ws_row = 25 };
        back = posix_openpt(O_RDWR | O_NOCTTY);
        assert_true(back >= 0 && grantpt(back) == 0 && unlockpt(back) == 0);
        to = open(ptsname(back), O_RDWR | O_NOCTTY);
        assert_true(to >= 0 && ioctl(to, TIOCSWINSZ, &w) == 0);
    } else {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        back = ends[0];
        to = ends[1];
    }
    assert_true(dup2(to, STDERR_FILENO) >= 0);
    (void)close(to);
}

/* What was written; stderr is itself again. */
static const char *written(void)
{
    static char text[4096];
    size_t n = 0;
    (void)fflush(stderr);
    (void)fcntl(back, F_SETFL, O_NONBLOCK);
    for (ssize_t more; (more = read(back, text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)more;
    text[n] = 0;
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    (void)close(back);
    return text;
}

/* As if the work had begun, and the last line been written, so many seconds ago. */
static void went_by(double seconds)
{
    report.start = now() - seconds;
    report.last = now() - seconds;
}

static void test_terminal(void **state)
{
    (void)state;
    redirect(100);
    cli_progress(100, 400);
    went_by(10);
    cli_progress(120, 400);
    cli_progress(121, 400); /* not due */
    cli_say("news");
    const char *text = written();
    assert_string_equal(text,
                        "\r\033[K120 of 400, 2.0/s, 2 min 20 s left\r\033[Krestain: news\r\n");
}

static void test_training(void **state)
{
    (void)state;
    static const char *const name[] = { "G", "D" };
    static const double value[] = { 4.3125, 0.23999 };
    char losses[64], line[128];
    cli_values(losses, sizeof losses, 2, name, value);
    assert_string_equal(losses, "G 4.31 D 0.24");
    (void)snprintf(line, sizeof line, "epoch 3/40 step 1234/185680  %s", losses);
    for (int narrow = 0; narrow < 2; narrow++) {
        redirect(narrow ? 60 : 100);
        cli_work w = { .done = 1134, .total = 185680, .text = line, .unit = "img", .each = 2 };
        cli_progress_line(&w);
        went_by(50);
        w.done = 1234;
        cli_progress_line(&w);
        const char *text = written();
        assert_string_equal(
            text, narrow ? "\r\033[Kepoch 3/40 step 1234/185680 ..  4.0 img/s  25 h 37 min left"
                         : "\r\033[Kepoch 3/40 step 1234/185680  G 4.31 D 0.24  4.0 img/s  "
                           "25 h 37 min left");
    }
}

static void test_pipe(void **state)
{
    (void)state;
    redirect(0);
    cli_progress(0, 100);
    went_by(10);
    cli_progress(4, 100); /* not yet 5 % */
    cli_progress(5, 100);
    went_by(1);
    cli_progress(10, 100); /* too soon */
    went_by(61);
    cli_progress(9, 100); /* a minute without a line */
    assert_string_equal(written(), "restain: 5 of 100, 0.50/s, 3 min 10 s left\n"
                                   "restain: 9 of 100, 0.15/s, 10 min 17 s left\n");
}

static void test_quiet(void **state)
{
    (void)state;
    redirect(0);
    cli_report_quiet();
    cli_progress(0, 100);
    went_by(100);
    cli_progress(50, 100);
    assert_string_equal(written(), "");
}

static void test_values_that_do_not_fit(void **state)
{
    (void)state;
    static const char *const name[] = { "aa", "bb", "cc" };
    static const double value[] = { 1, 2, 3 };
    char buf[10];
    cli_values(buf, sizeof buf, 3, name, value);
    assert_string_equal(buf, "aa 1 bb 2");
    cli_values(buf, 9, 3, name, value);
    assert_string_equal(buf, "aa 1");
    cli_values(buf, 1, 3, name, value);
    assert_string_equal(buf, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_values_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
