/* Files and folders: bounded reads, durable writes, removal that never follows links.
 * Paths are terminated text. */
#ifndef BENTO_OS_FS_H
#define BENTO_OS_FS_H

#include "base/buf.h"

/* Appends a whole file; more than to->max is BENTO_ETOOLARGE. BENTO_ENOTFOUND,
 * BENTO_EPERM, BENTO_EIO (also for folders, fifos, devices and sockets, which it never
 * waits for), BENTO_ENOMEM. */
bento_rc bento_fs_read(const char *path, struct bento_buf *to, struct bento_error *err);
/* mkdir -p. BENTO_EEXISTS when something else is there, BENTO_EPERM, BENTO_EINVAL. */
bento_rc bento_fs_make_folders(const char *path, struct bento_error *err);
bool bento_fs_is_folder(const char *path);
/* fsync of every file and folder below, depth bounded. */
bento_rc bento_fs_sync_tree(const char *path, struct bento_error *err);
/* Rename on one file system; BENTO_EEXISTS when the target is there. */
bento_rc bento_fs_rename_new(const char *from, const char *to, struct bento_error *err);
/* rm -r; what is not there is fine. */
bento_rc bento_fs_remove_tree(const char *path, struct bento_error *err);
bento_rc bento_fs_sync_folder(const char *path, struct bento_error *err);

#endif
