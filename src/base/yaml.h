/*
 * YAML to and from JSON values, as PyYAML's safe loader and dumper see them: plain
 * scalars are typed (null, booleans, integers, floats), timestamps stay text, keys are
 * text and keep their order. Limits: 16 MiB, depth 64, and with what aliases repeat
 * 2 Mi nodes and 32 MiB of text.
 */
#ifndef BENTO_BASE_YAML_H
#define BENTO_BASE_YAML_H

#include "base/json.h"

json_t *bento_yaml_read(struct bento_str text, struct bento_error *err);
bento_rc
bento_yaml_write(struct bento_buf *to, const json_t *value, struct bento_error *err);

#endif
