/* SPDX-License-Identifier: MIT */
/* Model cards: what is written is read again, and a damaged one is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "model/card.h"
#include "run/identify.h"

static const char arch[] = "{\"net\":\"stainnet\",\"input_nc\":3,\"output_nc\":3,\"nf\":32,"
                           "\"stats\":\"running\"}";

static void test_round_trip(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_weights *w = rst_weights_new();
    rst_card a = rst__card(), b;
    rst__card_text(a.arch, sizeof a.arch, arch);
    rst__card_text(a.recipe, sizeof a.recipe, "asp, \"quoted\"");
    rst__card_text(a.bn, sizeof a.bn, "running");
    rst__card_text(a.file, sizeof a.file, "net \xc3\xa9.pth");
    rst__card_text(a.sha256, sizeof a.sha256, "00ff");
    a.mpp = 0.4661;
    a.trained = false;
    a.dropout = true;
    a.rounding = RST_ROUNDING_ROUND;
    assert_int_equal(rst__card_read(&b, w, "w", &err), 0); /* none yet */
    assert_true(b.trained);
    assert_int_equal(rst__card_write(&a, w, &err), 0);
    assert_int_equal(rst__card_read(&b, w, "w", &err), 1);
    assert_string_equal(b.arch, arch);
    assert_string_equal(b.recipe, a.recipe);
    assert_string_equal(b.bn, "running");
    assert_string_equal(b.file, a.file);
    assert_string_equal(b.sha256, "00ff");
    assert_string_equal(b.created, a.created);
    assert_true(b.mpp == 0.4661 && !b.trained && b.dropout && b.rounding == RST_ROUNDING_ROUND);
    rst_weights_free(w);
}

static void test_text_is_made_plain(void **state)
{
    (void)state;
    char field[8];
    rst__card_text(field, sizeof field, "a\nb\xff");
    assert_string_equal(field, "a?b?");
    rst__card_text(field, sizeof field, "abcdef\xc3\xa9"); /* cut, but not inside a character */
    assert_string_equal(field, "abcdef");
    rst__card_text(field, sizeof field, "");
    assert_string_equal(field, "");
}

/* A card's text, and what the error says of it. */
static const struct {
    const char *text, *says;
} refused[] = {
    { "", "bad JSON" },
    { "[]", "not a JSON object" },
    { "{", "bad JSON" },
    { "{\"format\":1} x", "bad JSON" },
    { "{}", "format" },
    { "{\"format\":\"1\"}", "format" },
    { "{\"format\":0}", "format" },
    { "{\"format\":2}", "a model card of format 2, known is 1" },
    { "{\"format\":1,\"format\":1}", "bad JSON" },
    { "{\"format\":1,\"mpp\":-1}", "mpp" },
    { "{\"format\":1,\"mpp\":\"0.5\"}", "mpp" },
    { "{\"format\":1,\"arch\":\"stainnet\"}", "arch" },
    { "{\"format\":1,\"rounding\":\"up\"}", "rounding" },
    { "{\"format\":1,\"bn\":\"both\"}", "bn" },
    { "{\"format\":1,\"trained\":1}", "trained" },
    { "{\"format\":1,\"recipe\":[]}", "recipe" },
    { "{\"format\":1,\"recipe\":\"0123456789012345678901234567890123456789012345678901234567890123"
      "4\"}",
      "recipe" },
    { "{\"format\":1,\"source\":{\"sha256\":5}}", "sha256" },
};

static void test_damage_is_refused(void **state)
{
    (void)state;
    rst_weights *w = rst_weights_new();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        rst_error err = RST_ERROR_INIT;
        rst_card c;
        assert_int_equal(rst_weights_set_meta(w, "restain", refused[i].text, &err), 0);
        int rc = rst__card_read(&c, w, "file.safetensors", &err);
        if (rc != RST_EFORMAT || !strstr(err.msg, refused[i].says) ||
            !strstr(err.msg, "file.safetensors"))
            fail_msg("%s: %d, %s", refused[i].text, rc, err.msg);
    }
    rst_weights_free(w);
}

/* An architecture that the registry refuses is the file's fault, not the user's. */
static void test_bad_architecture(void **state)
{
    (void)state;
    static const char *const text[] = {
        "{\"format\":1,\"arch\":{\"net\":\"nonsense\"}}",
        "{\"format\":1,\"arch\":{\"net\":\"resnet_6blocks\",\"ngf\":-4}}",
        "{\"format\":1,\"arch\":{\"net\":\"resnet_6blocks\",\"colour\":4}}",
        "{\"format\":1,\"arch\":{}}",
    };
    rst_weights *w = rst_weights_new();
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        rst_error err = RST_ERROR_INIT;
        rst_identity id;
        assert_int_equal(rst_weights_set_meta(w, "restain", text[i], &err), 0);
        assert_int_equal(rst__identify(&id, w, "f.safetensors", NULL, &err), RST_EFORMAT);
        assert_non_null(strstr(err.msg, "f.safetensors: bad model card"));
    }
    rst_weights_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_text_is_made_plain),
        cmocka_unit_test(test_damage_is_refused),
        cmocka_unit_test(test_bad_architecture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
