/* Bundle descriptors: what can be read can be written and read again, with the same
 * value. */
#include <stdint.h>
#include <stdlib.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bento_buf text;
    json_t *value = bento_yaml_read(bento_str_from((const char *)data, size), NULL);

    if (!value)
        return 0;
    bento_buf_init(&text, 16u << 20);
    bento_json_write(&text, value, BENTO_JSON_ASCII);
    bento_buf_release(&text);
    json_decref(value);
    return 0;
}
