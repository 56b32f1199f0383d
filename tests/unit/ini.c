/* SPDX-License-Identifier: MIT */
/* Configuration files: what is read, what is refused and with which line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/ini.h"

static rst_ini *parse(const char *text)
{
    rst_ini *ini;
    rst_error err = RST_ERROR_INIT;
    if (rst__ini_parse(&ini, text, "a.conf", &err) < 0)
        fail_msg("%s", err.msg);
    return ini;
}

static void is(const rst_ini *ini, int i, const char *key, const char *value, int line)
{
    assert_true(i < ini->count);
    assert_string_equal(ini->entry[i].key, key);
    assert_string_equal(ini->entry[i].value, value);
    assert_int_equal(ini->entry[i].line, line);
}

static void refused(const char *text, const char *message)
{
    rst_ini *ini;
    rst_error err = RST_ERROR_INIT;
    const long live = rst__alloc_live();
    assert_int_equal(rst__ini_parse(&ini, text, "a.conf", &err), RST_EFORMAT);
    assert_null(ini);
    assert_string_equal(err.msg, message);
    assert_int_equal(rst__alloc_live(), live);
}

static void test_lines(void **state)
{
    (void)state;
    rst_ini *ini = parse("\xef\xbb\xbf# a comment\n"
                         "lr = 2e-4\n"
                         "\n"
                         "[data]\r\n"
                         "  dataroot = a b/c\r\n"
                         "\tname=x;y#z ; a comment\n"
                         "; lr = 3\n"
                         "netG=  resnet_6blocks\t# a comment\n"
                         "empty =\n"
                         "none = # nothing\n"
                         "last: 1");
    assert_int_equal(ini->count, 7);
    is(ini, 0, "lr", "2e-4", 2);
    is(ini, 1, "dataroot", "a b/c", 5);
    is(ini, 2, "name", "x;y#z", 6);
    is(ini, 3, "netG", "resnet_6blocks", 8);
    is(ini, 4, "empty", "", 9);
    is(ini, 5, "none", "", 10);
    is(ini, 6, "last", "1", 11);
    rst__ini_free(ini);
    ini = parse("a = 1\n\r b = 2\n\f\v c = 3\n"); /* no line goes on in the next one */
    assert_int_equal(ini->count, 3);
    is(ini, 2, "c", "3", 3);
    rst__ini_free(ini);
    ini = parse("");
    assert_int_equal(ini->count, 0);
    rst__ini_free(ini);
    rst__ini_free(NULL);
}

static void test_sections(void **state)
{
    (void)state;
    char path[] = "/tmp/restain-ini-XXXXXX";
    const char text[] = "lr = 1\n[row a]\nlr = 2\nseed = 1\n[row b]\nL-R = 0\nlr = 3\n";
    rst_error err = RST_ERROR_INIT;
    rst_ini *ini;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(rst__file_write(path, text, sizeof text - 1, &err), 0);
    assert_int_equal(rst__ini_load_sections(&ini, path, &err), 0);
    assert_int_equal(ini->count, 5);
    is(ini, 4, "lr", "3", 7);
    assert_string_equal(ini->entry[0].section, "");
    assert_string_equal(ini->entry[1].section, "row a");
    assert_string_equal(ini->entry[4].section, "row b");
    rst__ini_free(ini);
    assert_int_equal(rst__ini_load(&ini, path, &err), RST_EFORMAT); /* where they mean nothing */
    const char twice[] = "[row b]\nlr = 3\n[row a]\n[row b]\nLR = 0\n";
    assert_int_equal(rst__file_write(path, twice, sizeof twice - 1, &err), 0);
    assert_int_equal(rst__ini_load_sections(&ini, path, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, ":5: LR is in line 2 already"));
    unlink(path);
}

static void test_refused(void **state)
{
    (void)state;
    refused("a = 1\n[x]\nb = 2\nA = 3\n", "a.conf:4: A is in line 1 already");
    refused("n_epochs = 1\n\nN-Epochs = 1\n", "a.conf:3: N-Epochs is in line 1 already");
    refused("a = 1\nlr\nb 2\n", "a.conf:2: is no line like name = value");
    refused("a = 1\n = 2\n", "a.conf:2: is no line like name = value");
    refused("[data\n", "a.conf:1: is no line like name = value");
}

/* The longest line is taken, one more byte is not; a comment is as long as it likes. */
static void test_long(void **state)
{
    (void)state;
    char text[600] = "k = ";
    memset(text + 4, 'x', RST_INI_LINE - 4);
    (void)snprintf(text + RST_INI_LINE, 10, "\nl = 1\n");
    rst_ini *ini = parse(text);
    assert_int_equal(ini->count, 2);
    assert_int_equal(strlen(ini->entry[0].value), RST_INI_LINE - 4);
    is(ini, 1, "l", "1", 2);
    assert_true(rst__ini_fits(ini->entry[0].key, ini->entry[0].value));
    assert_false(rst__ini_fits("kk", ini->entry[0].value));
    rst__ini_free(ini);

    (void)snprintf(text + RST_INI_LINE, 10, "x\nl = 1\n");
    refused(text, "a.conf:1: a line of more than 197 bytes");

    text[0] = '#';
    ini = parse(text);
    assert_int_equal(ini->count, 1);
    rst__ini_free(ini);
}

static void test_fits(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "1", "a b", "a;b", "a#b", "\xc3\xa4", "[1,2]", "a = b"
    };
    static const char *const bad[] = { " a", "a ", "a ;b", "a\t#b", "#a", ";", "a\nb", "a\rb" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char text[64];
        assert_true(rst__ini_fits("k", good[i]));
        (void)snprintf(text, sizeof text, "k = %s\n", good[i]);
        rst_ini *ini = parse(text);
        is(ini, 0, "k", good[i], 1);
        rst__ini_free(ini);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(rst__ini_fits("k", bad[i]));
}

static void load(const char *path, int rc, const char *message)
{
    rst_ini *ini;
    rst_error err = RST_ERROR_INIT;
    assert_int_equal(rst__ini_load(&ini, path, &err), rc);
    assert_null(ini);
    if (!strstr(err.msg, message))
        fail_msg("'%s' says nothing of '%s'", err.msg, message);
}

static void test_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/restain-ini-XXXXXX", path[64];
    rst_ini *ini;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/a.conf", dir);
    load(path, RST_EINPUT, path);
    load(dir, RST_EINPUT, dir);

    assert_int_equal(rst__file_write(path, "a = 1\0b = 2\n", 12, NULL), 0);
    load(path, RST_EFORMAT, "no text file");

    char *big = rst__malloc((1 << 20) + 1);
    assert_non_null(big);
    memset(big, '\n', (1 << 20) + 1);
    assert_int_equal(rst__file_write(path, big, (1 << 20) + 1, NULL), 0);
    rst__free(big);
    load(path, RST_EFORMAT, path);

    assert_int_equal(rst__file_write(path, "a = 1\n", 6, NULL), 0);
    assert_int_equal(rst__ini_load(&ini, path, NULL), 0);
    is(ini, 0, "a", "1", 1);
    rst__ini_free(ini);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* Every allocation in turn fails: a status, and nothing left behind. */
static void test_memory(void **state)
{
    (void)state;
    char text[2048];
    size_t at = 0;
    for (int i = 0; i < 70; i++) /* the list of settings grows once */
        at += (size_t)snprintf(text + at, sizeof text - at, "key%d = %d\n", i, i);
    const long live = rst__alloc_live();
    for (long n = 0;; n++) {
        rst_ini *ini;
        rst_error err = RST_ERROR_INIT;
        rst__alloc_fail_after(n);
        int rc = rst__ini_parse(&ini, text, "a.conf", &err);
        rst__alloc_fail_after(-1);
        if (rc == 0) {
            assert_int_equal(ini->count, 70);
            assert_true(n > 140);
            rst__ini_free(ini);
            break;
        }
        assert_int_equal(rc, RST_ENOMEM);
        assert_int_equal(rst__alloc_live(), live);
    }
    assert_int_equal(rst__alloc_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_sections),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_long),
        cmocka_unit_test(test_fits),    cmocka_unit_test(test_files),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
