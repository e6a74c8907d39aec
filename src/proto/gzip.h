/*
 * Bounded inflate of gzip bodies. The limit is the buffer's maximum: a bomb is refused
 * when it reaches it, long before it would have been expanded whole.
 */
#ifndef BENTO_PROTO_GZIP_H
#define BENTO_PROTO_GZIP_H

#include "base/buf.h"

/* Appends the content of one or more gzip members. BENTO_EPARSE: broken, truncated, or
 * followed by something else; BENTO_ETOOLARGE: more than to->max; BENTO_ENOMEM. */
bento_rc
bento_gunzip(const void *p, size_t n, struct bento_buf *to, struct bento_error *err);

#endif
