/* Error values: the code table of bento/error.h turned into functions, and the one
 * constructor. */
#include "base/fail.h"

#undef bento_fail /* the analyser's models; defined for real here */
#undef bento_fail_os
#undef bento_hint

#include <stdio.h>
#include <string.h>

const char *bento_rc_name(bento_rc code)
{
    switch (code) {
#define RC_NAME(name, value, http, grpc, text) \
    case BENTO_##name:                         \
        return #name;
        BENTO_RC_MAP(RC_NAME)
#undef RC_NAME
    }
    return "UNKNOWN";
}

const char *bento_rc_text(bento_rc code)
{
    switch (code) {
#define RC_TEXT(name, value, http, grpc, text) \
    case BENTO_##name:                         \
        return text;
        BENTO_RC_MAP(RC_TEXT)
#undef RC_TEXT
    }
    return "unknown error";
}

int bento_rc_http(bento_rc code)
{
    switch (code) {
#define RC_HTTP(name, value, http, grpc, text) \
    case BENTO_##name:                         \
        return http;
        BENTO_RC_MAP(RC_HTTP)
#undef RC_HTTP
    }
    return 500;
}

int bento_rc_grpc(bento_rc code)
{
    switch (code) {
#define RC_GRPC(name, value, http, grpc, text) \
    case BENTO_##name:                         \
        return grpc;
        BENTO_RC_MAP(RC_GRPC)
#undef RC_GRPC
    }
    return 2;
}

static void format_cut(char *to, size_t size, const char *fmt, va_list args)
    BENTO_PRINTF(3, 0);

/* Formats into a fixed buffer; a cut never leaves half of an UTF-8 sequence. */
static void format_cut(char *to, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(to, size, fmt, args);

    if (n < 0) {
        to[0] = '\0';
        return;
    }
    if ((size_t)n < size)
        return;
    size_t end = size - 1;
    while (end > 0 && ((unsigned char)to[end - 1] & 0xC0) == 0x80)
        end--;
    if (end > 0 && ((unsigned char)to[end - 1] & 0x80) != 0)
        end--;
    to[end] = '\0';
}

bento_rc bento_fail(struct bento_error *err, bento_rc code, const char *fmt, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, fmt);
    err->code = code;
    err->os_errno = 0;
    err->hint[0] = '\0';
    format_cut(err->message, sizeof err->message, fmt, args);
    va_end(args);
    return code;
}

bento_rc
bento_fail_os(struct bento_error *err, bento_rc code, int os_errno, const char *fmt, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, fmt);
    err->code = code;
    err->os_errno = os_errno;
    err->hint[0] = '\0';
    format_cut(err->message, sizeof err->message, fmt, args);
    va_end(args);
    char text[96] = "";
    const char *said = strerror_r(os_errno, text, sizeof text);
    size_t used = strlen(err->message);
    (void)snprintf(err->message + used, sizeof err->message - used, ": %s", said);
    return code;
}

bento_rc bento_hint(struct bento_error *err, const char *fmt, ...)
{
    if (!err)
        return BENTO_OK;
    va_list args;
    va_start(args, fmt);
    format_cut(err->hint, sizeof err->hint, fmt, args);
    va_end(args);
    return err->code;
}
