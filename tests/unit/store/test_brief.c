/* store/brief: short texts of a service, also of documents that make no sense. */
#include "store/brief.h"

#include "base/alloc.h"
#include "support/check.h"

TEST(texts)
{
    static const struct {
        const char *json, *apis, *artifacts;
    } rows[] = {
        { "{\"apis\":[{\"name\":\"p\",\"input_type\":\"JsonInput\",\"output_type\":\"JsonOutput\"},"
          "{\"output_type\":\"B\",\"name\":\"q\",\"input_type\":\"A\"}],"
          "\"artifacts\":[{\"name\":\"model\",\"artifact_type\":\"PickleArtifact\"},{\"name\":\"m2\"}]}",
          "p<JsonInput:JsonOutput>, q<A:B>", "model<PickleArtifact>, m2<>" },
        { "{\"apis\":[{\"name\":\"\\u00e9\",\"input_type\":1}]}", "\xc3\xa9<:>", "" },
        { "{\"apis\":[],\"artifacts\":{}}", "", "" },
        { "{\"apis\":[1,null]}", "<:>, <:>", "" },
        { "[]", "", "" },
        { "{\"apis\":", "", "" },
        { "{\"apis\":[{\"name\":\"\xff\"}]}", "", "" },
        { "", "", "" },
    };
    struct brief brief;
    const char *apis = NULL;
    const char *artifacts = NULL;
    brief_init(&brief);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_INT(brief_read(&brief, rows[i].json, &apis, &artifacts), BENTO_OK);
        CHECK_STR(apis, rows[i].apis);
        CHECK_STR(artifacts, rows[i].artifacts);
    }
    brief_release(&brief);
}

TEST(failing_memory)
{
    long live = bento_alloc_live();
    int failed = 0;
    for (long n = 0; n < 8; n++) {
        struct brief brief;
        const char *apis;
        const char *artifacts;
        brief_init(&brief);
        bento_alloc_fail_after(n);
        bento_rc rc =
            brief_read(&brief, "{\"apis\":[{\"name\":\"p\"}]}", &apis, &artifacts);
        bento_alloc_fail_after(-1);
        CHECK(rc == BENTO_OK || rc == BENTO_ENOMEM);
        failed += rc != BENTO_OK;
        brief_release(&brief);
    }
    CHECK(failed > 1 && failed < 8);
    CHECK_INT(bento_alloc_live(), live);
}

int main(void)
{
    RUN(texts);
    RUN(failing_memory);
    return check_report();
}
