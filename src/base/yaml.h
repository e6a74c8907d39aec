/*
 * YAML to and from JSON values. Plain scalars are typed as YAML 1.2 (ruamel.yaml, which
 * 0.13 writes bundles with) has it: yes and on are text, 1e-05 is a number; octal and
 * other foreign numbers and timestamps stay text; !!binary is the text inside. What is
 * written reads the same in 1.1 (PyYAML) and 1.2. Keys are text and keep their order.
 * Limits: 16 MiB, depth 64, and with what aliases repeat 2 Mi nodes and 32 MiB of text;
 * 5,000 anchors or so. Nesting and anchors are checked before the text is loaded, because
 * libyaml takes quadratic time for them.
 */
#ifndef BENTO_BASE_YAML_H
#define BENTO_BASE_YAML_H

#include "base/json.h"

json_t *bento_yaml_read(struct bento_str text, struct bento_error *err);
bento_rc
bento_yaml_write(struct bento_buf *to, const json_t *value, struct bento_error *err);

#endif
