/*
 * The only way to create an error: `return bento_fail(err, BENTO_ENOTFOUND, "no API
 * '%s'", name);` `err` may be NULL; the code is returned all the same. Text is cut at the
 * buffer, never at half of an UTF-8 sequence.
 */
#ifndef BENTO_BASE_FAIL_H
#define BENTO_BASE_FAIL_H

#include <stdarg.h>

#include "bento/error.h"

#define BENTO_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define BENTO_MUST_CHECK         __attribute__((warn_unused_result))

bento_rc bento_fail(struct bento_error *err, bento_rc code, const char *fmt, ...)
    BENTO_PRINTF(3, 4);
/* Same, with errno and its text appended as ": text". */
bento_rc
bento_fail_os(struct bento_error *err, bento_rc code, int os_errno, const char *fmt, ...)
    BENTO_PRINTF(4, 5);
/* Adds the hint to an error that was just created; returns its code. */
bento_rc bento_hint(struct bento_error *err, const char *fmt, ...) BENTO_PRINTF(2, 3);

#ifdef __clang_analyzer__
/* What the static analyser cannot see from here: these never return BENTO_OK. */
static inline bento_rc bento_fail_rc(bento_rc code)
{
    if (code == BENTO_OK)
        __builtin_unreachable();
    return code;
}
#    define bento_fail(err, code, ...) \
        ((void)bento_fail(err, code, __VA_ARGS__), bento_fail_rc(code))
#    define bento_fail_os(err, code, ...) \
        ((void)bento_fail_os(err, code, __VA_ARGS__), bento_fail_rc(code))
#    define bento_hint(err, ...) \
        ((void)bento_hint(err, __VA_ARGS__), bento_fail_rc(BENTO_EINVAL))
#endif

#endif
