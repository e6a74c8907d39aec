/* The module bentoml._core: Error, the types, and the functions over the store. */
#include <string.h>

#include "bento/frame.h"
#include "bento/gzip.h"
#include "bento/store.h"
#include "core.h"

#ifndef BENTO_VERSION
#    define BENTO_VERSION "0"
#endif

struct core_state *core_state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

PyObject *core_raise(PyObject *error_type, const struct bento_error *err)
{
    PyObject *error = PyObject_CallFunction(error_type, "s", err->message);

    if (!error)
        return NULL;
    PyObject *values[4] = {
        PyUnicode_FromString(bento_rc_name(err->code)),
        PyLong_FromLong(bento_rc_http(err->code)),
        PyUnicode_DecodeUTF8(err->message, (Py_ssize_t)strlen(err->message), "replace"),
        PyUnicode_DecodeUTF8(err->hint, (Py_ssize_t)strlen(err->hint), "replace")
    };
    static const char *const names[4] = { "code", "http", "message", "hint" };
    for (int i = 0; i < 4; i++) {
        if (values[i])
            (void)PyObject_SetAttrString(error, names[i], values[i]);
        Py_XDECREF(values[i]);
    }
    PyErr_SetObject(error_type, error);
    Py_DECREF(error);
    return NULL;
}

static PyObject *raise_error(PyObject *module, const struct bento_error *err)
{
    return core_raise(core_state_of(module)->error, err);
}

/* A str from text of the store, which is freed. */
static PyObject *take_text(char *text)
{
    PyObject *result =
        PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");

    bento_store_free_text(text);
    return result;
}

static PyObject *core_gunzip(PyObject *module, PyObject *args)
{
    struct bento_error err = BENTO_ERROR_INIT;
    const char *data;
    Py_ssize_t n;
    Py_ssize_t limit;
    char *text = NULL;
    size_t size = 0;
    bento_rc rc;

    if (!PyArg_ParseTuple(args, "y#n", &data, &n, &limit))
        return NULL;
    Py_BEGIN_ALLOW_THREADS rc =
        bento_gzip_inflate(data, (size_t)n, (size_t)limit, &text, &size, &err);
    Py_END_ALLOW_THREADS if (rc != BENTO_OK) return raise_error(module, &err);
    PyObject *bytes = PyBytes_FromStringAndSize(text, (Py_ssize_t)size);
    bento_gzip_free(text);
    return bytes;
}

static PyObject *core_yaml_dump(PyObject *module, PyObject *arg)
{
    struct bento_error err = BENTO_ERROR_INIT;
    const char *json = PyUnicode_AsUTF8(arg);
    char *text = NULL;

    if (!json)
        return NULL;
    if (bento_yaml_from_json(json, &text, &err) != BENTO_OK)
        return raise_error(module, &err);
    return take_text(text);
}

static PyObject *core_yaml_load(PyObject *module, PyObject *args)
{
    struct bento_error err = BENTO_ERROR_INIT;
    const char *yaml;
    Py_ssize_t n;
    char *text = NULL;

    if (!PyArg_ParseTuple(args, "s#", &yaml, &n))
        return NULL;
    if (bento_yaml_to_json(yaml, (size_t)n, &text, &err) != BENTO_OK)
        return raise_error(module, &err);
    return take_text(text);
}

static PyObject *core_bundle_read(PyObject *module, PyObject *arg)
{
    struct bento_error err = BENTO_ERROR_INIT;
    const char *folder = PyUnicode_AsUTF8(arg);
    char *text = NULL;

    if (!folder)
        return NULL;
    if (bento_bundle_read(folder, &text, &err) != BENTO_OK)
        return raise_error(module, &err);
    return take_text(text);
}

static PyObject *core_resolve(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "bento", "home", NULL };
    struct bento_error err = BENTO_ERROR_INIT;
    const char *bento;
    const char *home = NULL;
    char *text = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|z", names, &bento, &home))
        return NULL;
    if (bento_store_resolve(home, bento, &text, &err) != BENTO_OK)
        return raise_error(module, &err);
    return take_text(text);
}

static PyObject *core_scratch(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "home", NULL };
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_store *store = NULL;
    const char *home = NULL;
    char *text = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|z", names, &home))
        return NULL;
    bento_rc rc = bento_store_open(home, false, &store, &err);
    if (rc == BENTO_OK)
        rc = bento_store_scratch(store, &text, &err);
    bento_store_close(rc == BENTO_OK || store ? store : NULL);
    return rc == BENTO_OK ? take_text(text) : raise_error(module, &err);
}

static PyObject *core_commit(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "folder", "metadata_json", "labels_json", "home", NULL };
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_store *store = NULL;
    const char *folder;
    const char *metadata;
    const char *labels = NULL;
    const char *home = NULL;
    char *text = NULL;
    bento_rc rc;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ss|zz", names, &folder, &metadata,
                                     &labels, &home))
        return NULL;
    Py_BEGIN_ALLOW_THREADS rc = bento_store_open(home, false, &store, &err);
    if (rc == BENTO_OK)
        rc = bento_store_commit(store, folder, metadata, labels, &text, &err);
    bento_store_close(store);
    Py_END_ALLOW_THREADS return rc == BENTO_OK ? take_text(text)
                                               : raise_error(module, &err);
}

static bento_rc ignore_record(void *arg, const struct bento_record *record)
{
    (void)arg;
    (void)record;
    return BENTO_OK;
}

static PyObject *core_exists(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "name", "version", "home", NULL };
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_store *store = NULL;
    const char *name;
    const char *version;
    const char *home = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ss|z", names, &name, &version, &home))
        return NULL;
    bento_rc rc = bento_store_open(home, true, &store, &err);
    if (rc == BENTO_OK)
        rc = bento_store_get(store, name, version, ignore_record, NULL, &err);
    bento_store_close(store);
    if (rc != BENTO_OK && rc != BENTO_ENOTFOUND)
        return raise_error(module, &err);
    return PyBool_FromLong(rc == BENTO_OK);
}

#define WITH_NAMES(f) (PyCFunction)(void (*)(void))(f), METH_VARARGS | METH_KEYWORDS

static PyMethodDef core_methods[] = {
    { "gunzip", core_gunzip, METH_VARARGS,
      "Inflate gzip data of at most `limit` bytes." },
    { "yaml_dump", core_yaml_dump, METH_O, "JSON text to YAML." },
    { "yaml_load", core_yaml_load, METH_VARARGS, "YAML to JSON text." },
    { "bundle_read", core_bundle_read, METH_O,
      "bentoml.yml of a bundle folder as JSON text." },
    { "resolve", WITH_NAMES(core_resolve), "Folder of a bento." },
    { "scratch", WITH_NAMES(core_scratch), "A new folder to write a bundle into." },
    { "commit", WITH_NAMES(core_commit),
      "Register a finished bundle folder; its final path." },
    { "exists", WITH_NAMES(core_exists), "Whether the repository has that version." },
    { NULL, NULL, 0, NULL },
};

static int core_exec(PyObject *module)
{
    struct core_state *state = core_state_of(module);

    state->error = PyErr_NewException("bentoml._core.Error", NULL, NULL);
    state->decoder_type = (PyTypeObject *)PyType_FromSpec(&decoder_spec);
    state->link_type = (PyTypeObject *)PyType_FromSpec(&link_spec);
    if (!state->error || !state->decoder_type || !state->link_type)
        return -1;
    PyObject *objects[] = { state->error, (PyObject *)state->decoder_type,
                            (PyObject *)state->link_type };
    static const char *const names[] = { "Error", "FrameDecoder", "Link" };
    for (int i = 0; i < 3; i++) {
        Py_INCREF(objects[i]);
        if (PyModule_AddObject(module, names[i], objects[i]) != 0) {
            Py_DECREF(objects[i]);
            return -1;
        }
    }
    if (PyModule_AddIntConstant(module, "COLUMNS_MAX", BENTO_FRAME_COLUMNS_MAX) != 0)
        return -1;
    return PyModule_AddStringConstant(module, "__version__", BENTO_VERSION);
}

static int core_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct core_state *state = core_state_of(module);

    Py_VISIT(state->error);
    Py_VISIT(state->decoder_type);
    Py_VISIT(state->link_type);
    return 0;
}

static int core_clear(PyObject *module)
{
    struct core_state *state = core_state_of(module);

    Py_CLEAR(state->error);
    Py_CLEAR(state->decoder_type);
    Py_CLEAR(state->link_type);
    return 0;
}

static PyModuleDef_Slot core_slots[] = {
    { Py_mod_exec, (void *)core_exec },
    { 0, NULL },
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "bentoml._core",
    .m_doc = "The C side of bentoml: see _core.pyi.",
    .m_size = sizeof(struct core_state),
    .m_methods = core_methods,
    .m_slots = core_slots,
    .m_traverse = core_traverse,
    .m_clear = core_clear,
};

/* CPython before 3.9 does not export it by itself. */
__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
