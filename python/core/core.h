/*
 * The extension module bentoml._core: shared declarations. It sees libbento's public
 * headers only. All functions hold Python's lock unless they say otherwise; work that may
 * take long runs without it.
 */
#ifndef BENTO_PYTHON_CORE_H
#define BENTO_PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "bento/error.h"
#include "bento/frame.h"

/* Per module. */
struct core_state {
    PyObject *error; /* _core.Error */
    PyTypeObject *decoder_type;
    PyTypeObject *link_type;
};

struct core_state *core_state_of(PyObject *module);
/* Raises _core.Error; returns NULL. */
PyObject *core_raise(PyObject *error_type, const struct bento_error *err);

/* frames.c */
struct decoder {
    PyObject_HEAD struct bento_frames *frames;
    PyObject *error;
    bool widen; /* integers join floats */
};

extern PyType_Spec decoder_spec;

/* Decoded bodies of one job, before merging. */
struct decoded {
    const struct bento_frame **frame; /* NULL: refused or left out */
    bento_rc *code;                   /* of the refused ones */
    size_t count;
    bool widen;
};

int decoded_init(struct decoded *d, size_t count, bool widen);
void decoded_release(struct decoded *d);
/* (groups, refused): groups is a list of (indices, rows, total, names, blocks, width),
 * refused of (index, code name). */
PyObject *decoded_result(const struct decoded *d);

/* link.c */
extern PyType_Spec link_spec;

#endif
