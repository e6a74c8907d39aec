/* The `bentoml` binary: the table of commands. A new command is one file and one line
 * here. */
#include "cli/command.h"

extern const struct command command_delete;
extern const struct command command_get;
extern const struct command command_info;
extern const struct command command_list;
extern const struct command command_open_api_spec;
extern const struct command command_run;
extern const struct command command_serve;
extern const struct command command_serve_gunicorn;

const struct command *const commands[] = {
    &command_delete,
    &command_get,
    &command_info,
    &command_list,
    &command_open_api_spec,
    &command_run,
    &command_serve,
    &command_serve_gunicorn,
    NULL,
};

int main(int argc, char **argv)
{
    return command_main(argc, argv);
}
