/* Bounded inflate of gzip data. */
#ifndef BENTO_GZIP_H
#define BENTO_GZIP_H

#include <stddef.h>

#include "bento/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Inflates one or more gzip members of at most `limit` bytes. BENTO_EPARSE: broken or cut
 * off; BENTO_ETOOLARGE. *ret is freed by bento_gzip_free. */
bento_rc bento_gzip_inflate(const void *p,
                            size_t n,
                            size_t limit,
                            char **ret,
                            size_t *ret_n,
                            struct bento_error *err);
void bento_gzip_free(char *p);

#ifdef __cplusplus
}
#endif
#endif
