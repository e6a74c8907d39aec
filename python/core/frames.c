/*
 * Frame decoding for Python: FrameDecoder, and the merging of frames that agree.
 *
 * Merged data lies in bytearrays, so that numpy.frombuffer gives writable arrays without
 * a copy: user code may change its frame in place, as it could in 0.13.
 */
#include <math.h>
#include <string.h>

#include "core.h"

#define ROWS_AT_ONCE 8 /* cells of 8 bytes in a cache line */

/* ---- decoded ---- */

int decoded_init(struct decoded *d, size_t count, bool widen)
{
    d->count = count;
    d->widen = widen;
    d->frame = PyMem_Calloc(count + 1, sizeof *d->frame);
    d->code = PyMem_Calloc(count + 1, sizeof *d->code);
    if (d->frame && d->code)
        return 0;
    decoded_release(d);
    PyErr_NoMemory();
    return -1;
}

void decoded_release(struct decoded *d)
{
    PyMem_Free((void *)d->frame);
    PyMem_Free(d->code);
    d->frame = NULL;
    d->code = NULL;
}

static const char *dtype_name(enum bento_dtype dtype)
{
    switch (dtype) {
    case BENTO_DTYPE_INT64:
        return "int64";
    case BENTO_DTYPE_UINT64:
        return "uint64";
    case BENTO_DTYPE_FLOAT64:
        return "float64";
    case BENTO_DTYPE_BOOL:
        return "bool";
    case BENTO_DTYPE_TEXT:
    case BENTO_DTYPE_BOOL_MISSING:
        break;
    }
    return "object";
}

static size_t cell_size(enum bento_dtype dtype)
{
    return dtype == BENTO_DTYPE_BOOL ? 1 : 8;
}

/* One group while it is merged. */
struct group {
    const struct decoded *d;
    const size_t *index; /* positions of its requests */
    size_t count;
    size_t total; /* rows */
};

/* The type of a merged column: a float when one of its parts is. Other types are the same
 * in all parts. */
static enum bento_dtype merged_dtype(const struct group *g, size_t column)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->d->frame[g->index[i]]->column[column].dtype == BENTO_DTYPE_FLOAT64)
            return BENTO_DTYPE_FLOAT64;
    return g->d->frame[g->index[0]]->column[column].dtype;
}

static PyObject *text_cell(const struct bento_column *c, size_t row)
{
    uint64_t from = c->offsets[row] & ~BENTO_TEXT_MISSING;
    uint64_t to = c->offsets[row + 1] & ~BENTO_TEXT_MISSING;

    if (c->offsets[row] & BENTO_TEXT_MISSING)
        return PyFloat_FromDouble(NAN);
    return PyUnicode_DecodeUTF8(c->text + from, (Py_ssize_t)(to - from), "strict");
}

static PyObject *object_cell(const struct bento_column *c, size_t row)
{
    if (c->dtype == BENTO_DTYPE_TEXT)
        return text_cell(c, row);
    uint8_t value = *(const uint8_t *)bento_column_cell(c, row);
    if (value == 2)
        return PyFloat_FromDouble(NAN);
    return PyBool_FromLong(value);
}

static PyObject *object_column(const struct group *g, size_t column)
{
    PyObject *list = PyList_New((Py_ssize_t)g->total);
    Py_ssize_t at = 0;

    for (size_t i = 0; list && i < g->count; i++) {
        const struct bento_frame *frame = g->d->frame[g->index[i]];
        for (size_t row = 0; row < frame->rows; row++) {
            PyObject *cell = object_cell(&frame->column[column], row);
            if (!cell) {
                Py_DECREF(list);
                return NULL;
            }
            PyList_SET_ITEM(list, at++, cell);
        }
    }
    return list;
}

/* Cells of one column, from row `from` on, one behind the other, as `dtype`. */
static void copy_run(const struct bento_column *column,
                     enum bento_dtype dtype,
                     size_t from,
                     size_t rows,
                     char *to)
{
    const char *cell = bento_column_cell(column, from);

    if (column->dtype != dtype) { /* integers that become floats */
        for (size_t i = 0; i < rows; i++, cell += column->stride, to += 8) {
            int64_t integer;
            memcpy(&integer, cell, sizeof integer);
            double real = (double)integer;
            memcpy(to, &real, sizeof real);
        }
        return;
    }
    if (column->stride == cell_size(dtype)) {
        memcpy(to, cell, rows * column->stride);
        return;
    }
    for (size_t i = 0; i < rows; i++, cell += column->stride, to += 8)
        memcpy(to, cell, 8);
}

/* Columns of one merged type, which become one block of a pandas frame. */
struct block {
    enum bento_dtype dtype;
    const size_t *columns; /* their positions, ascending */
    size_t count;
};

/* A block's part of one frame, into columns that are `height` cells high. A row-major
 * frame is turned a few rows at a time, so that each cache line is written once. */
static void copy_part(const struct bento_frame *frame,
                      const struct block *block,
                      size_t height,
                      char *to)
{
    size_t size = cell_size(block->dtype);
    bool upright = frame->column[block->columns[0]].stride == size;
    size_t step = upright ? frame->rows : ROWS_AT_ONCE;

    for (size_t from = 0; from < frame->rows; from += step) {
        size_t rows = frame->rows - from < step ? frame->rows - from : step;
        for (size_t i = 0; i < block->count; i++)
            copy_run(&frame->column[block->columns[i]], block->dtype, from, rows,
                     to + (i * height + from) * size);
    }
}

static PyObject *fixed_cells(const struct group *g, const struct block *block)
{
    size_t size = cell_size(block->dtype);
    PyObject *bytes =
        PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)(size * g->total * block->count));
    char *to = bytes ? PyByteArray_AS_STRING(bytes) : NULL;

    for (size_t i = 0; to && i < g->count; i++) {
        const struct bento_frame *frame = g->d->frame[g->index[i]];
        copy_part(frame, block, g->total, to);
        to += frame->rows * size;
    }
    return bytes;
}

static PyObject *object_cells(const struct group *g, const struct block *block)
{
    PyObject *lists = PyList_New((Py_ssize_t)block->count);

    for (size_t i = 0; lists && i < block->count; i++) {
        PyObject *cells = object_column(g, block->columns[i]);
        if (!cells) {
            Py_DECREF(lists);
            return NULL;
        }
        PyList_SET_ITEM(lists, (Py_ssize_t)i, cells);
    }
    return lists;
}

static PyObject *positions_of(const struct block *block)
{
    PyObject *positions = PyTuple_New((Py_ssize_t)block->count);

    for (size_t i = 0; positions && i < block->count; i++)
        PyTuple_SET_ITEM(positions, (Py_ssize_t)i, PyLong_FromSize_t(block->columns[i]));
    return positions;
}

/* (dtype, positions, cells); positions are None when the block holds all columns. */
static PyObject *block_result(const struct group *g, const struct block *block)
{
    bool all = block->count == g->d->frame[g->index[0]]->columns;
    bool object = block->dtype == BENTO_DTYPE_TEXT;
    PyObject *cells = object ? object_cells(g, block) : fixed_cells(g, block);
    PyObject *positions = all ? Py_None : positions_of(block);

    if (all)
        Py_INCREF(positions);
    if (!cells || !positions) {
        Py_XDECREF(cells);
        Py_XDECREF(positions);
        return NULL;
    }
    return Py_BuildValue("(sNN)", dtype_name(block->dtype), positions, cells);
}

/* Columns of one type together; both kinds of objects are one type. */
static PyObject *merge(const struct group *g)
{
    static const enum bento_dtype order[] = { BENTO_DTYPE_FLOAT64, BENTO_DTYPE_INT64,
                                              BENTO_DTYPE_UINT64, BENTO_DTYPE_BOOL,
                                              BENTO_DTYPE_TEXT };
    size_t width = g->d->frame[g->index[0]]->columns;
    size_t *columns = PyMem_Malloc(width * sizeof *columns);
    enum bento_dtype *dtypes = PyMem_Malloc(width * sizeof *dtypes);
    PyObject *blocks = columns && dtypes ? PyList_New(0) : PyErr_NoMemory();

    for (size_t i = 0; blocks && i < width; i++) {
        enum bento_dtype dtype = merged_dtype(g, i);
        dtypes[i] = dtype == BENTO_DTYPE_BOOL_MISSING ? BENTO_DTYPE_TEXT : dtype;
    }
    for (size_t k = 0; blocks && k < sizeof order / sizeof order[0]; k++) {
        struct block block = { .dtype = order[k], .columns = columns };
        for (size_t i = 0; i < width; i++)
            if (dtypes[i] == order[k])
                columns[block.count++] = i;
        if (block.count == 0)
            continue;
        PyObject *result = block_result(g, &block);
        if (!result || PyList_Append(blocks, result) != 0)
            Py_CLEAR(blocks);
        Py_XDECREF(result);
    }
    PyMem_Free(columns);
    PyMem_Free(dtypes);
    return blocks;
}

static PyObject *names_of(const struct bento_frame *frame)
{
    if (!frame->column[0].name)
        Py_RETURN_NONE;
    PyObject *names = PyTuple_New((Py_ssize_t)frame->columns);
    for (size_t i = 0; names && i < frame->columns; i++) {
        const struct bento_column *c = &frame->column[i];
        PyObject *name =
            PyUnicode_DecodeUTF8(c->name, (Py_ssize_t)c->name_size, "strict");
        if (!name) {
            Py_DECREF(names);
            return NULL;
        }
        PyTuple_SET_ITEM(names, (Py_ssize_t)i, name);
    }
    return names;
}

static PyObject *group_result(const struct group *g)
{
    PyObject *indices = PyTuple_New((Py_ssize_t)g->count);
    PyObject *rows = PyTuple_New((Py_ssize_t)g->count);

    for (size_t i = 0; indices && rows && i < g->count; i++) {
        PyTuple_SET_ITEM(indices, (Py_ssize_t)i, PyLong_FromSize_t(g->index[i]));
        PyTuple_SET_ITEM(rows, (Py_ssize_t)i,
                         PyLong_FromSize_t(g->d->frame[g->index[i]]->rows));
    }
    PyObject *names = names_of(g->d->frame[g->index[0]]);
    PyObject *data = indices && rows && names ? merge(g) : NULL;
    if (!data) {
        Py_XDECREF(indices);
        Py_XDECREF(rows);
        Py_XDECREF(names);
        return NULL;
    }
    return Py_BuildValue("(NNnNNn)", indices, rows, (Py_ssize_t)g->total, names, data,
                         (Py_ssize_t)g->d->frame[g->index[0]]->columns);
}

/* Requests that agree with `lead`, in order; marks them as taken. */
static void collect(const struct decoded *d,
                    size_t lead,
                    unsigned char *taken,
                    size_t *index,
                    struct group *ret)
{
    bool (*same)(const struct bento_frame *, const struct bento_frame *) =
        d->widen ? bento_frame_same_widened : bento_frame_same;

    *ret = (struct group){ .d = d, .index = index };
    for (size_t i = lead; i < d->count; i++) {
        if (taken[i] || !d->frame[i] || (i != lead && !same(d->frame[lead], d->frame[i])))
            continue;
        taken[i] = 1;
        index[ret->count++] = i;
        ret->total += d->frame[i]->rows;
    }
}

static int append_groups(const struct decoded *d,
                         PyObject *groups,
                         unsigned char *taken,
                         size_t *index)
{
    for (size_t i = 0; i < d->count; i++) {
        struct group g;
        if (taken[i] || !d->frame[i])
            continue;
        collect(d, i, taken, index, &g);
        PyObject *group = group_result(&g);
        if (!group || PyList_Append(groups, group) != 0) {
            Py_XDECREF(group);
            return -1;
        }
        Py_DECREF(group);
    }
    return 0;
}

static int append_refused(const struct decoded *d, PyObject *refused)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->frame[i] || d->code[i] == BENTO_OK)
            continue;
        PyObject *item = Py_BuildValue("(ns)", (Py_ssize_t)i, bento_rc_name(d->code[i]));
        if (!item || PyList_Append(refused, item) != 0) {
            Py_XDECREF(item);
            return -1;
        }
        Py_DECREF(item);
    }
    return 0;
}

PyObject *decoded_result(const struct decoded *d)
{
    PyObject *groups = PyList_New(0);
    PyObject *refused = PyList_New(0);
    unsigned char *taken = PyMem_Calloc(d->count + 1, 1);
    size_t *index = PyMem_Calloc(d->count + 1, sizeof *index);
    PyObject *result = NULL;

    if (!taken || !index)
        PyErr_NoMemory();
    else if (groups && refused && append_groups(d, groups, taken, index) == 0 &&
             append_refused(d, refused) == 0)
        result = Py_BuildValue("(OO)", groups, refused);
    PyMem_Free(taken);
    PyMem_Free(index);
    Py_XDECREF(groups);
    Py_XDECREF(refused);
    return result;
}

/* ---- FrameDecoder ---- */

static int orient_value(const char *name, enum bento_orient *ret)
{
    static const char *const names[] = { "records", "columns", "index", "values",
                                         "split" };

    *ret = BENTO_ORIENT_ANY;
    if (!name)
        return 0;
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum bento_orient)(i + 1);
            return 0;
        }
    PyErr_Format(PyExc_ValueError,
                 "orient '%s' is not one of records, columns, index, values, split",
                 name);
    return -1;
}

/* Borrowed UTF-8 of a sequence of str; *ret_fast keeps it alive. */
static int
text_list(PyObject *sequence, PyObject **ret_fast, const char ***ret, size_t *ret_count)
{
    *ret_fast = NULL;
    *ret = NULL;
    *ret_count = 0;
    if (!sequence || sequence == Py_None)
        return 0;
    *ret_fast = PySequence_Fast(sequence, "a sequence of str is needed");
    if (!*ret_fast)
        return -1;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(*ret_fast);
    *ret = PyMem_Calloc((size_t)n + 1, sizeof **ret);
    if (!*ret) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        (*ret)[i] = PyUnicode_AsUTF8(PySequence_Fast_GET_ITEM(*ret_fast, i));
        if (!(*ret)[i])
            return -1;
    }
    *ret_count = (size_t)n;
    return 0;
}

static PyObject *decoder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "orient",   "columns", "text_for", "real_for",
                             "all_real", "widen",   NULL };
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    struct bento_error err = BENTO_ERROR_INIT;
    const char *orient = NULL;
    PyObject *lists[3] = { NULL, NULL, NULL };
    PyObject *fast[3] = { NULL, NULL, NULL };
    const char **texts[3] = { NULL, NULL, NULL };
    int all_real = 0;
    int widen = 0;
    struct decoder *self = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|zOOOpp", names, &orient, &lists[0],
                                     &lists[1], &lists[2], &all_real, &widen) ||
        orient_value(orient, &options.orient) != 0)
        return NULL;
    if (text_list(lists[0], &fast[0], &texts[0], &options.column_count) == 0 &&
        text_list(lists[1], &fast[1], &texts[1], &options.text_count) == 0 &&
        text_list(lists[2], &fast[2], &texts[2], &options.real_count) == 0) {
        options.columns = texts[0];
        options.text_for = texts[1];
        options.real_for = texts[2];
        options.all_real = all_real != 0;
        self = (struct decoder *)type->tp_alloc(type, 0);
    }
    if (self && bento_frames_new(&options, &self->frames, &err) != BENTO_OK) {
        Py_CLEAR(self);
        PyErr_NoMemory();
    }
    if (self)
        self->widen = widen != 0;
    for (int i = 0; i < 3; i++) {
        PyMem_Free((void *)texts[i]);
        Py_XDECREF(fast[i]);
    }
    return (PyObject *)self;
}

static void decoder_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    bento_frames_free(((struct decoder *)object)->frames);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *decoder_decode(PyObject *object, PyObject *bodies)
{
    struct decoder *self = (struct decoder *)object;
    PyObject *fast =
        PySequence_Fast(bodies, "decode() takes a sequence of (bytes, is_csv)");
    struct decoded d;
    PyObject *result = NULL;

    if (!fast)
        return NULL;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
    if (decoded_init(&d, (size_t)n, self->widen) != 0) {
        Py_DECREF(fast);
        return NULL;
    }
    bento_frames_clear(self->frames);
    Py_ssize_t i = 0;
    for (; i < n; i++) {
        const char *body;
        Py_ssize_t size;
        int csv;
        if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(fast, i), "y#p", &body, &size,
                              &csv))
            break;
        struct bento_error err = BENTO_ERROR_INIT;
        d.code[i] =
            csv ? bento_frame_csv(self->frames, body, (size_t)size, &d.frame[i], &err)
                : bento_frame_json(self->frames, body, (size_t)size, &d.frame[i], &err);
    }
    if (i == n)
        result = decoded_result(&d);
    decoded_release(&d);
    Py_DECREF(fast);
    return result;
}

static PyMethodDef decoder_methods[] = {
    { "decode", decoder_decode, METH_O,
      "Decode a sequence of (body, is_csv) into groups of frames that agree." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot decoder_slots[] = {
    { Py_tp_new, (void *)decoder_new },
    { Py_tp_dealloc, (void *)decoder_dealloc },
    { Py_tp_methods, decoder_methods },
    { Py_tp_doc,
      (void *)"FrameDecoder(orient=None, columns=None, text_for=None, real_for=None, "
              "all_real=False, widen=False)\n\ntext_for: columns read as text. real_for, "
              "all_real: columns whose integers become floats.\nwiden: frames agree "
              "although one has integers where the other has floats." },
    { 0, NULL },
};

PyType_Spec decoder_spec = { "bentoml._core.FrameDecoder", sizeof(struct decoder), 0,
                             Py_TPFLAGS_DEFAULT, decoder_slots };
