/* base/fail: the table of codes, one line of text that is cut and never broken. */
#include "base/fail.h"

#include <errno.h>

#include "base/str.h"
#include "support/check.h"

TEST(every_code_has_its_row)
{
    static const struct {
        bento_rc code;
        const char *name;
        int http;
        int grpc;
        const char *text;
    } rows[] = {
#define ROW(name, value, http, grpc, text) { BENTO_##name, #name, http, grpc, text },
        BENTO_RC_MAP(ROW)
#undef ROW
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_INT(rows[i].code, -(int)i); /* never renumbered, no holes */
        CHECK_STR(bento_rc_name(rows[i].code), rows[i].name);
        CHECK_STR(bento_rc_text(rows[i].code), rows[i].text);
        CHECK_INT(bento_rc_http(rows[i].code), rows[i].http);
        CHECK_INT(bento_rc_grpc(rows[i].code), rows[i].grpc);
    }
    CHECK_INT(BENTO_ETOOLARGE, -5);
    CHECK_INT(BENTO_EPERM, -16);
    CHECK_INT(bento_rc_http(BENTO_ETOOLARGE), 413);
    CHECK_STR(bento_rc_name((bento_rc)-99), "UNKNOWN");
    CHECK_STR(bento_rc_text((bento_rc)-99), "unknown error");
    CHECK_INT(bento_rc_http((bento_rc)-99), 500);
    CHECK_INT(bento_rc_grpc((bento_rc)-99), 2);
}

TEST(messages_and_hints)
{
    struct bento_error err = BENTO_ERROR_INIT;

    CHECK_INT(bento_fail_os(&err, BENTO_EIO, ENOENT, "cannot read '%s'", "x"), BENTO_EIO);
    CHECK_INT(err.os_errno, ENOENT);
    CHECK_STR(err.message, "cannot read 'x': No such file or directory");
    CHECK_INT(bento_hint(&err, "try %s", "y"), BENTO_EIO);
    CHECK_STR(err.hint, "try y");
    CHECK_INT(bento_fail(&err, BENTO_ENOTFOUND, "no API '%s'", "x"), BENTO_ENOTFOUND);
    CHECK_STR(err.message, "no API 'x'");
    CHECK_STR(err.hint, ""); /* nothing of the error before is left */
    CHECK_INT(err.os_errno, 0);
    CHECK_INT(err.code, BENTO_ENOTFOUND);
}

TEST(nobody_asks)
{
    CHECK_INT(bento_fail(NULL, BENTO_EIO, "x"), BENTO_EIO);
    CHECK_INT(bento_fail_os(NULL, BENTO_EIO, ENOENT, "x"), BENTO_EIO);
    CHECK_INT(bento_hint(NULL, "x"), BENTO_OK);
}

/* Text with a character of n bytes at every place around the end of the buffer. */
TEST(cut_between_characters)
{
    static const char *const characters[] = { "a", "\xc3\xa9", "\xe6\x97\xa5",
                                              "\xf0\x9f\x98\x80" };
    struct bento_error err = BENTO_ERROR_INIT;
    char text[BENTO_ERROR_MESSAGE_SIZE + 16];

    for (size_t c = 0; c < 4; c++)
        for (size_t at = BENTO_ERROR_MESSAGE_SIZE - 8; at < BENTO_ERROR_MESSAGE_SIZE;
             at++) {
            size_t n = strlen(characters[c]);
            memset(text, 'a', sizeof text - 1);
            memcpy(text + at, characters[c], n);
            text[sizeof text - 1] = '\0';
            (void)bento_fail(&err, BENTO_EINVAL, "%s", text);
            size_t got = strlen(err.message);
            CHECK(bento_utf8_valid(bento_str_of(err.message)));
            CHECK(got < BENTO_ERROR_MESSAGE_SIZE);
            CHECK(got >= BENTO_ERROR_MESSAGE_SIZE - 1 - n);
            (void)bento_hint(&err, "%s",
                             text + BENTO_ERROR_MESSAGE_SIZE - BENTO_ERROR_HINT_SIZE);
            CHECK(bento_utf8_valid(bento_str_of(err.hint)));
            CHECK(strlen(err.hint) >= BENTO_ERROR_HINT_SIZE - 1 - n);
            (void)bento_fail_os(&err, BENTO_EINVAL, EIO, "%s", text);
            CHECK(bento_utf8_valid(bento_str_of(err.message)));
        }
}

TEST(just_fits)
{
    struct bento_error err = BENTO_ERROR_INIT;
    char text[BENTO_ERROR_MESSAGE_SIZE];

    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 3, "\xc3\xa9", 3);
    (void)bento_fail(&err, BENTO_EINVAL, "%s", text);
    CHECK_STR(err.message, text);
    text[sizeof text - 6] = '\0';
    (void)bento_fail_os(&err, BENTO_EIO, EIO, "%s", text);
    CHECK_INT(strlen(err.message), BENTO_ERROR_MESSAGE_SIZE - 1);
    CHECK(strncmp(err.message + sizeof text - 6, ": Inp", 5) == 0);
}

int main(void)
{
    RUN(every_code_has_its_row);
    RUN(messages_and_hints);
    RUN(nobody_asks);
    RUN(cut_between_characters);
    RUN(just_fits);
    return check_report();
}
